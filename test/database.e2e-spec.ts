import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { buildFork, describeWithForks } from './support/fork.js';
import { PostgreSql, describeWithPostgreSql } from './support/postgresql.js';
import { start } from './support/service.js';

const ENDED_WELL = { code: 0, signal: null };

/** The README's example of a required variable. */
const [, DATABASE_URL] = /```ts\n\/\/ src\/environment\.ts.*\n([^]*?)```/.exec(readFileSync('README.md', 'utf8'))!;

/** With the check of the feature's database in readiness. */
function fork(feature: string, bundle: boolean) {
  const module = `${feature[0]!.toUpperCase()}${feature.slice(1)}Module`;
  const from = `from '../${feature}/${feature}.module.js';\n`;
  return buildFork([feature], {
    bundle,
    edits: {
      'src/environment.ts': (text) => text.replace('v.object({', `$&\n${DATABASE_URL}`),
      'src/health/health.module.ts': (text) =>
        `import { ${module} } ${from}${text.replace('DrainModule, ', `$&${module}, `)}`,
      'src/health/health.controller.ts': (text) =>
        `import { DatabaseHealth } ${from}` +
        text
          .replace('constructor(', '$&private readonly database: DatabaseHealth,')
          .replace('this.readiness.check()', '$&, () => this.database.check()'),
    },
  });
}

async function status(url: string): Promise<number> {
  return (await fetch(url)).status;
}

describeWithForks()('a fork', () => {
  describeWithPostgreSql().each([
    { feature: 'drizzle', bundle: true, how: 'in the bundle' },
    { feature: 'typeorm', bundle: false, how: 'without the bundle' },
  ])('with $feature on PostgreSQL, $how,', ({ feature, bundle }) => {
    let database: PostgreSql;
    let program: ReturnType<typeof fork>;
    let env: Record<string, string>;

    beforeAll(async () => {
      program = fork(feature, bundle);
      database = PostgreSql.create();
      await database.start();
      env = { DATABASE_URL: database.url, DRAIN_DELAY_MS: '0' };
    });

    afterAll(() => database.stop());

    it('keeps what it is sent', async () => {
      const { url } = await start(env, program);
      const sent = await fetch(`${url}/orders`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ title: 'a book' }),
      });
      const order = { id: expect.any(Number), title: 'a book' };
      expect([sent.status, await sent.json()]).toEqual([201, order]);
      expect(await (await fetch(`${url}/orders`)).json()).toContainEqual(order);
    });

    it('answers at SIGTERM the query in flight, and closes its connections then', async () => {
      const { service, url } = await start(env, program);
      const answer = status(`${url}/orders/slowly`);
      await database.running('pg_sleep');
      service.kill('SIGTERM');
      expect(await answer).toBe(200);
      expect(await service.exit).toEqual(ENDED_WELL);
      expect(service.log.at(-1)).toMatchObject({ message: 'Done: every request is answered', answered: 1 });
      expect(service.stderr).toBe('');
    });

    it('is not ready while the database is down, lives on, and is ready when it is back', async () => {
      const { service, url } = await start(env, program);
      expect(await status(`${url}/health/ready`)).toBe(200);
      await database.stop();
      expect(await status(`${url}/health/ready`)).toBe(503);
      expect(await status(`${url}/health/live`)).toBe(200);
      await database.start();
      while ((await status(`${url}/health/ready`)) !== 200) await delay(50);
      service.kill('SIGTERM');
      expect(await service.exit).toEqual(ENDED_WELL);
    });

    // Nest's module for TypeORM does not start without: it tries for half a minute, and fails.
    if (bundle) {
      it('gets ready when a database comes that was down at its start', async () => {
        await database.stop();
        const { service, url } = await start(env, program);
        expect(await status(`${url}/health/ready`)).toBe(503);
        await database.start();
        while ((await status(`${url}/health/ready`)) !== 200) await delay(50);
        service.kill('SIGTERM');
        expect(await service.exit).toEqual(ENDED_WELL);
      });
    }
  });
});
