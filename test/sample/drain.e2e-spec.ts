import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import { Connection, get, slow } from '../support/connection.js';
import { answering, refusing } from '../support/reachable.js';
import { Program, emptyFolder, run, start } from '../support/service.js';

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

  it('keeps the order of pipelined requests and answers them all, the last one with the close', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '3000' });
    const early = (await Connection.open(port)).send(`${slow('POST', '/', 2)}{`);
    const late = await Connection.open(port);
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);

    early.send(`}${get('/health/live')}`);
    late.send(get('/nowhere') + get('/') + get('/')); // the first one is answered before the next is looked at
    expect(await early.answers(2)).toMatchObject([
      { status: 405, connection: undefined },
      { status: 200, connection: 'close' },
    ]);
    expect(await late.answers(3)).toMatchObject([
      { status: 404, connection: undefined },
      { status: 200, connection: undefined },
      { status: 200, connection: 'close' },
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
    expect(await slowPost!.answers()).toMatchObject([{ status: 405, connection: 'close' }]);
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

describe('a process that was suspended past its shutdown timeout, as by `docker pause`', () => {
  it('answers what came meanwhile, and only then ends', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '200', SHUTDOWN_TIMEOUT_MS: '500' });
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);
    service.kill('SIGSTOP');
    const clients = await Promise.all(Array.from({ length: 3 }, () => Connection.open(port)));
    await Promise.all(clients.map((client) => client.sent(get('/'))));
    await delay(600); // longer than the shutdown timeout: time has to pass
    service.kill('SIGCONT');
    for (const client of clients) expect(await client.answers()).toMatchObject([{ status: 200, connection: 'close' }]);
    expect(await service.exit).toEqual(ENDED_WELL);
  });
});

it('an uncaught error has a log line for itself, one for what it cuts off, and one for each of that', async () => {
  const { service, port } = await start(
    {},
    {
      execArgv: [
        '--import',
        'data:text/javascript,process.on("SIGUSR2", () => setImmediate(() => { throw new Error("boom"); }))',
      ],
    },
  );
  for (let count = 0; count < 3; count++) (await Connection.open(port)).send(`${slow('POST', '/', 2)}{`);
  await (await Connection.open(port)).request(get('/')); // by its answer the service has read what was sent before it
  service.kill('SIGUSR2');
  expect(await service.exit).toEqual(ENDED_BADLY);
  expect(service.log.slice(1).map(({ message }) => message)).toEqual([
    'Cut off',
    'Cut off',
    'Cut off',
    'Uncaught error, cut off: unanswered requests (3)',
    'boom',
  ]);
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

describe('an answer to a request whose body nobody reads', () => {
  const body = 'x'.repeat(4 * 1024 * 1024); // more than the kernel holds on the way
  const length = `Content-Length: ${body.length}\r\n\r\n${body}`;
  const chunk = `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

  it.each([
    ['with a length', length],
    ['in chunks', chunk],
  ])('arrives whole in a drain, and no reset behind it: %s', async (_, sent) => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '3000' });
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);
    const clients = await Promise.all(Array.from({ length: 8 }, () => Connection.open(port)));
    for (const client of clients) client.send(`POST / HTTP/1.1\r\nHost: test\r\n${sent}`);
    for (const client of clients) {
      expect(await client.answers()).toMatchObject([{ status: 405, connection: 'close' }]);
      expect(await client.end).toBe('closed');
    }
    expect(await service.exit).toEqual(ENDED_WELL);
  });

  it('arrives whole when the client asked to close, as nginx does with plain proxy_pass', async () => {
    const { port } = await start();
    const client = (await Connection.open(port)).send(`POST / HTTP/1.0\r\nConnection: close\r\n${length}`);
    expect(await client.answers()).toMatchObject([{ status: 405, connection: 'close' }]);
    expect(await client.end).toBe('closed');
  });

  it('does not hold the end past the shutdown timeout when the body trickles for ever, and counts as answered', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1000' });
    const client = (await Connection.open(port)).send(
      'POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n',
    );
    expect(await client.answers()).toMatchObject([{ status: 405 }]);
    const trickle = setInterval(() => client.send('x'), 100);
    service.kill('SIGTERM');
    expect(await service.exit).toEqual(ENDED_WELL);
    clearInterval(trickle);
    expect(service.log.at(-1)).toMatchObject({ message: 'Done: every request is answered' });
  });
});

it('ends with status 0 when nothing is in flight, however short the shutdown timeout', async () => {
  const { service } = await start({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1' });
  service.kill('SIGTERM');
  expect(await service.exit).toEqual(ENDED_WELL);
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
    expect(service.log.at(-1)).toMatchObject({
      level: 'error',
      message: `${second} again: ended at once, cut off: unanswered requests (1)`,
    });
  });

  it('is ignored when it is the echo of the first, as from npm or Heroku', async () => {
    const { service } = await start({ DRAIN_DELAY_MS: '300' });
    service.kill('SIGTERM');
    service.kill('SIGTERM');
    service.kill('SIGINT');
    expect(await service.exit).toEqual(ENDED_WELL);
  });

  it('is ignored when it came as an echo but is handled late, because the program was busy', async () => {
    // What comes right behind the first signal, whichever that is, takes 400 ms: the second one waits all the while.
    const busy = `let first = true;
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {
      if (first) process.nextTick(() => { for (const end = Date.now() + 400; Date.now() < end;); });
      first = false;
    });`;
    const { service, port } = await start(
      { DRAIN_DELAY_MS: '300' },
      { execArgv: ['--import', `data:text/javascript,${encodeURIComponent(busy)}`] },
    );
    const client = (await Connection.open(port)).send(`${slow('GET', '/', 2)}{`);
    await (await Connection.open(port)).request(get('/'));
    service.kill('SIGINT');
    service.kill('SIGTERM');
    await service.logged(/^Stopped accepting/);
    expect(await client.send('}').answers()).toMatchObject([{ status: 200 }]);
    expect(await service.exit).toEqual(ENDED_WELL);
  });
});

describe('SIGHUP', () => {
  it('drains as SIGINT does when the terminal is closed', async () => {
    const port = await freePort();
    // `script` runs the program on a terminal of its own, which is gone when `script` is.
    const terminal = new Program('script', ['--quiet', '--command', `${process.execPath} dist/main.js`, '/dev/null'], {
      env: { ...process.env, PORT: String(port), DRAIN_DELAY_MS: '20000', SHUTDOWN_TIMEOUT_MS: '25000' },
    });
    await answering(port);
    const client = (await Connection.open(port)).send(`${slow('GET', '/', 2)}{`);
    await (await Connection.open(port)).request(get('/'));
    terminal.kill('SIGKILL');
    await refusing(port);
    expect(await client.send('}').answers()).toMatchObject([{ status: 200, connection: 'close' }]);
    expect(await client.end).toBe('closed');
  });

  it('is ignored by a program that no terminal belongs to, as nohup promises', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '0' }, { via: ['nohup'] });
    service.kill('SIGHUP');
    expect(await (await Connection.open(port)).request(get('/health/ready'))).toMatchObject({ status: 200 });
    service.kill('SIGTERM');
    expect(await service.exit).toEqual(ENDED_WELL);
    expect(service.log.map(({ message }) => message)).not.toContain('SIGHUP: draining');
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
