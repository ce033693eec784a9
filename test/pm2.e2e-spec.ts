import { execFile, execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import { validate } from '../src/environment.js';
import { HAPROXY, HAProxy } from './balancers/haproxy.js';
import { startLoad } from './rolling/load.js';
import { ENVIRONMENT } from './support/environment.js';
import { describeWith } from './support/requirement.js';
import { emptyFolder } from './support/service.js';

const PM2 = 'pm2@7.0.4';
const SHIPPED = resolve('deploy/pm2/ecosystem.config.cjs');
const NAME = 'port-binding-service';
const { apps } = createRequire(SHIPPED)(SHIPPED) as { apps: [Record<string, unknown>] };

let program: string;
let home: string;
let config: string;

/** Runs PM2 with a daemon of this test's own, as a user types it. */
async function pm2(...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: home, PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: 'true' };
  return (await promisify(execFile)(program, args, { env })).stdout;
}

/**
 * Starts what is shipped, with some of it changed. The drain delay is longer than an upload takes on a busy machine: one that
 * began before the signal, and was answered, does not know that its connection will close.
 */
async function start(port: number, changes: Record<string, unknown> = {}, DRAIN_DELAY_MS = '5000'): Promise<void> {
  const env = { ...ENVIRONMENT, ...(apps[0]['env'] as object), PORT: String(port), DRAIN_DELAY_MS };
  writeFileSync(config, JSON.stringify({ apps: [{ ...apps[0], env, ...changes }] }));
  await pm2('start', config);
}

/** A port that is free, as is the next one: below those that the operating system gives to whoever asks for any. */
async function freePair(): Promise<number> {
  const port = randomInt(20_000, 30_000);
  const servers = [port, port + 1].map((each) => createServer().listen(each));
  const results = await Promise.allSettled(servers.map((server) => once(server, 'listening')));
  for (const server of servers) server.close();
  return results.every(({ status }) => status === 'fulfilled') ? port : freePair();
}

const log = () => readFileSync(join(home, 'pm2.log'), 'utf8');

beforeAll(() => {
  const find = ['exec', '--yes', `--package=${PM2}`, '--call', 'command -v pm2'];
  program = execFileSync('npm', find, { encoding: 'utf8' }).trim();
});

beforeEach(() => {
  home = emptyFolder();
  config = join(home, 'ecosystem.json');
});

afterEach(async () => {
  await pm2('kill');
});

it('PM2 waits for a process to end for longer than its shutdown timeout', () => {
  expect(apps[0]['kill_timeout']).toBeGreaterThan(validate(ENVIRONMENT).SHUTDOWN_TIMEOUT_MS + 2000);
});

it('a reload in cluster mode loses no request', async () => {
  const port = await freePort();
  await start(port);
  const load = startLoad({ host: '127.0.0.1', port });
  await load.reach(300);
  for (let time = 0; time < 2; time++) await pm2('reload', NAME);
  await load.reach(load.sent + 300);
  await load.stop();
  expect(Object.fromEntries(load.losses)).toEqual({});
  expect(log()).toContain('New worker listening'); // and not only the end of `listen_timeout`
  expect(log().match(/exited with code \[0\]/g)).toHaveLength(4);
  expect(log()).not.toMatch(/SIGKILL|exited with code \[[^0]/);
}, 600_000);

describeWith(
  HAPROXY !== undefined,
  'HAProxy',
  'Install it: apt-get install haproxy',
)('in fork mode, behind a balancer', () => {
  it('a reload of one process at a time loses no request', async () => {
    const port = await freePair();
    await start(port, { exec_mode: 'fork', increment_var: 'PORT' }, '6000');
    const balancer = await HAProxy.start('inter 500ms fall 7 rise 1');
    for (const each of [port, port + 1]) await balancer.join({ port: each });
    const load = startLoad({ host: '127.0.0.1', port: balancer.port });
    await load.reach(300);
    await pm2('reload', '--parallel', '1', NAME);
    const processes = JSON.parse(await pm2('jlist')) as { pm2_env: { PORT: number; status: string } }[];
    expect(processes.map(({ pm2_env: { PORT, status } }) => [PORT, status])).toEqual([
      [port, 'online'],
      [port + 1, 'online'],
    ]);
    await load.reach(load.sent + 300);
    await load.stop();
    balancer.stop();
    expect(Object.fromEntries(load.losses)).toEqual({});
    expect(log().match(/exited with code \[0\]/g)).toHaveLength(2);
    expect(log()).not.toMatch(/SIGKILL/);
  }, 600_000);
});
