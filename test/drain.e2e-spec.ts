import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Connection, get, slow } from './support/connection.js';
import { emptyFolder, run, start } from './support/service.js';

const ENDED_WELL = { code: 0, signal: null };
const ENDED_BADLY = { code: 1, signal: null };

describe('from SIGTERM until the drain delay is over', () => {
  it('is not ready, but alive, and serves old connections and new ones, telling each to close', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '3000' });
    const old = await Connection.open(port);
    expect(await old.request(get('/health/ready'))).toMatchObject({ status: 200, connection: 'keep-alive' });

    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);

    const paths = ['/health/live', '/health', '/', '/nowhere'];
    const young = await Promise.all(paths.map(async (path) => (await Connection.open(port)).request(get(path))));
    expect(await old.request(get('/health/ready'))).toMatchObject({ status: 503, connection: 'close' });
    expect(young.map(({ status, connection }) => [status, connection])).toEqual([
      [200, 'close'],
      [200, 'close'],
      [200, 'close'],
      [404, 'close'],
    ]);
    expect(await old.end).toBe('closed');
    expect(await service.exit).toEqual(ENDED_WELL);
    expect(service.log.slice(1).map(({ message }) => message)).toEqual([
      'SIGTERM: draining',
      'Stopped accepting connections',
      'Done: every request is answered',
    ]);
    expect(await service.logged(/^SIGTERM/)).toMatchObject({ drainDelayMs: 3000, inFlight: 0 });
    // More, when a balancer of another test still looks for an instance that had this port before.
    expect((await service.logged(/^Done/))['answered']).toBeGreaterThanOrEqual(5);
  });

  it('keeps the order of a pipelined pair and answers both, the last one with the close', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '3000' });
    const early = (await Connection.open(port)).send(`${slow('POST', '/', 2)}{`);
    const late = await Connection.open(port);
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);

    early.send(`}${get('/health/live')}`);
    late.send(get('/') + get('/nowhere'));
    expect(await early.answers(2)).toMatchObject([
      { status: 404, connection: undefined },
      { status: 200, connection: 'close' },
    ]);
    expect(await late.answers(2)).toMatchObject([
      { status: 200, connection: undefined },
      { status: 404, connection: 'close' },
    ]);
    expect([await early.end, await late.end]).toEqual(['closed', 'closed']);
    expect(await service.exit).toEqual(ENDED_WELL);
  });
});

describe('after the drain delay', () => {
  it('takes no new connection, closes the idle ones, and answers the requests in flight before it ends', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '100' });
    const [idle, silent, half, slowGet, slowPost] = await Promise.all(
      Array.from({ length: 5 }, () => Connection.open(port)),
    );
    await idle!.request(get('/'));
    half!.send('GET / HTTP/1.1\r\nHost: te');
    slowGet!.send(`${slow('GET', '/', 2)}{`);
    slowPost!.send(`${slow('POST', '/', 2)}{`);
    await (await Connection.open(port)).request(get('/')); // by its answer the service has read what was sent before it

    service.kill('SIGTERM');
    expect(await service.logged(/^Stopped accepting/)).toMatchObject({ inFlight: 2 });
    expect(await Promise.all([idle!.end, silent!.end, half!.end])).toEqual(['closed', 'closed', 'closed']);
    expect(half!.received).toBe('');
    await expect(Connection.open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    slowGet!.send('}');
    expect(await slowGet!.answers()).toMatchObject([{ status: 200, connection: 'close' }]);
    expect(await slowGet!.end).toBe('closed');
    expect(service.process.exitCode).toBeNull();
    slowPost!.send('}');
    expect(await slowPost!.answers()).toMatchObject([{ status: 404, connection: 'close' }]);
    expect(await service.exit).toEqual(ENDED_WELL);
  });

  it('still knows its bound port, to tell a request that was in flight', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '0' });
    const client = (await Connection.open(port)).send(`${slow('GET', '/health', 2)}{`);
    await (await Connection.open(port)).request(get('/'));
    service.kill('SIGTERM');
    await service.logged(/^Stopped accepting/);
    const [answer] = await client.send('}').answers();
    expect(JSON.parse(answer!.body)).toMatchObject({ port, info: { http: { port } } });
    expect(await service.exit).toEqual(ENDED_WELL);
  });

  it('cuts off what is not answered at the shutdown timeout, says how much, and ends with status 1', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '100', SHUTDOWN_TIMEOUT_MS: '1000' });
    const endless = (await Connection.open(port)).send(`${slow('POST', '/', 100)}{`);
    await (await Connection.open(port)).request(get('/'));
    service.kill('SIGTERM');
    expect(await service.exit).toEqual(ENDED_BADLY);
    expect(await endless.end).toMatch(/closed|ECONNRESET/);
    expect(endless.received).toBe('');
    expect(service.log.at(-1)).toMatchObject({
      level: 'error',
      message: 'Shutdown timeout, cut off: unanswered requests (1)',
    });
  });
});

it('SIGINT drains without the drain delay', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '20000', SHUTDOWN_TIMEOUT_MS: '25000' });
  const client = (await Connection.open(port)).send(`${slow('GET', '/', 2)}{`);
  await (await Connection.open(port)).request(get('/'));
  service.kill('SIGINT');
  await service.logged(/^Stopped accepting/);
  expect(await client.send('}').answers()).toMatchObject([{ status: 200, connection: 'close' }]);
  expect(await service.exit).toEqual(ENDED_WELL);
  expect(service.log.map(({ message }) => message)).toContain('SIGINT: draining');
});

describe('a second signal', () => {
  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
  ] as const)('ends a drain at once with status 1: %s, then %s', async (first, second) => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '20000', SHUTDOWN_TIMEOUT_MS: '25000' });
    const client = (await Connection.open(port)).send(`${slow('POST', '/', 2)}{`);
    await (await Connection.open(port)).request(get('/'));
    service.kill(first);
    await service.logged(/: draining$/);
    const again = setInterval(() => service.kill(second), 50); // past the time in which it counts as an echo
    expect(await service.exit).toEqual(ENDED_BADLY);
    clearInterval(again);
    expect(await client.end).toMatch(/closed|ECONNRESET/);
    expect(service.log.map(({ message }) => message)).not.toContain('Done: every request is answered');
  });

  it('is ignored when it is the echo of the first, as from npm or Heroku', async () => {
    const { service } = await start({ DRAIN_DELAY_MS: '300' });
    service.kill('SIGTERM');
    service.kill('SIGTERM');
    service.kill('SIGINT');
    expect(await service.exit).toEqual(ENDED_WELL);
  });
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  '%s during start-up ends with status 0 without ever listening',
  async (signal) => {
    // The start waits for a .env file that somebody has yet to write: a named pipe.
    const cwd = emptyFolder();
    execFileSync('mkfifo', [join(cwd, '.env')]);
    const service = run({ PORT: '0' }, { cwd });
    const pipe = await open(join(cwd, '.env'), 'w'); // opens when the service opens it
    service.kill(signal);
    await pipe.close();
    expect(await service.exit).toEqual(ENDED_WELL);
    expect(service.stdout + service.stderr).toBe('');
  },
);

it('tells every connection of a kept-alive pool to close, answers all they sent, and resets none', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '3000' });
  const pool = await Promise.all(Array.from({ length: 50 }, () => Connection.open(port)));
  const clients = pool.map(async (connection, index) => {
    for (let sent = 1; ; sent++) {
      const answer = await connection.request(get(index % 2 ? '/' : '/health/live'));
      if (answer.connection === 'close') return { sent, end: await connection.end };
      expect(answer).toMatchObject({ status: 200, connection: 'keep-alive' });
    }
  });
  await Promise.all(pool.map((connection) => connection.answers(10)));
  service.kill('SIGTERM');
  const ends = await Promise.all(clients);
  expect(ends.map(({ end }) => end)).toEqual(Array.from({ length: 50 }, () => 'closed'));
  expect(pool.map((connection, index) => parseCount(connection) - ends[index]!.sent)).toEqual(pool.map(() => 0));
  expect(await service.exit).toEqual(ENDED_WELL);
});

function parseCount({ received }: Connection): number {
  return received.split('HTTP/1.1 200 OK').length - 1;
}
