import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Container, describeWithDocker } from '../support/docker.js';
import { type Fork, buildFork, buildForkImage, describeWithForks } from '../support/fork.js';
import { PostgreSql, describeWithPostgreSql } from '../support/postgresql.js';
import { codeFor } from '../support/forking-guide.js';
import { run, start } from '../support/service.js';

const ENDED_WELL = { code: 0, signal: null };

/** The example of a required variable. */
const DATABASE_URL = codeFor('src/environment.ts');

/** With the check of the feature's database in readiness. */
function recipe(feature: string): Fork {
  const module = `${feature[0]!.toUpperCase()}${feature.slice(1)}Module`;
  const from = `from '../${feature}/${feature}.module.js';\n`;
  return {
    edits: {
      'src/environment.ts': (text) => text.replace(/v\.\w*object\(\{/i, `$&\n${DATABASE_URL}`),
      'src/health/health.module.ts': (text) =>
        `import { ${module} } ${from}${text.replace('imports: [', `$&${module}, `)}`,
      'src/health/probes.ts': (text) =>
        `import { DatabaseHealth } ${from}` +
        text
          .replace('constructor(', '$&private readonly database: DatabaseHealth,')
          .replace('() => this.serving()', '$&, () => this.database.check()'),
    },
  };
}

async function status(url: string): Promise<number> {
  return (await fetch(url)).status;
}

describeWithForks()('a fork', () => {
  describeWithPostgreSql().each([
    { feature: 'drizzle', startsWithout: true },
    { feature: 'typeorm', startsWithout: false },
  ])('with $feature on PostgreSQL', ({ feature, startsWithout }) => {
    let database: PostgreSql;
    let program: ReturnType<typeof buildFork>;
    let env: Record<string, string>;

    beforeAll(async () => {
      program = buildFork([feature], recipe(feature));
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

    if (startsWithout) {
      it('gets ready when a database comes that was down at its start', async () => {
        await database.stop();
        const { service, url } = await start(env, program);
        expect(await status(`${url}/health/ready`)).toBe(503);
        await database.start();
        while ((await status(`${url}/health/ready`)) !== 200) await delay(50);
        service.kill('SIGTERM');
        expect(await service.exit).toEqual(ENDED_WELL);
      });

      describeWithDocker()('as an image', () => {
        it('is bundled without the variable, says what that costs, and serves', async () => {
          const packages = ['drizzle-orm', 'pg', '@types/pg'];
          const { image, output } = buildForkImage([feature], packages, recipe(feature));
          expect(output).toMatch(/^Bundled, but .*: starts take/m);
          const container = Container.run({ ...env, PORT: '0' }, ['--network', 'host'], image);
          const url = `http://127.0.0.1:${await container.listening()}`;
          expect(await status(`${url}/health/ready`)).toBe(200);
          container.kill('SIGTERM');
          expect(await container.exit).toEqual(ENDED_WELL);
        });
      });
    } else {
      // Nest's module for TypeORM does not start without: it tries for half a minute, and fails.
      it('says that it waits for a database that is down at its start, and starts when it comes', async () => {
        await database.stop();
        const service = run({ PORT: '0', ...env }, program);
        await service.logged(/^Unable to connect to the database/);
        await database.start();
        await service.listening();
        service.kill('SIGTERM');
        expect(await service.exit).toEqual(ENDED_WELL);
      });
    }
  });
});
