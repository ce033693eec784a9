import { type EventEmitter, getMaxListeners, once } from 'node:events';
import { type IncomingMessage, type Server, createServer, get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Connections } from '../connections/connections.js';
import { installRequestGate } from '../request-gate.js';
import { Drain } from './drain.js';

let server: Server;
let connections: Connections;
let drain: Drain;
let logger: Record<'log' | 'warn' | 'error', jest.Mock>;
let close: jest.Mock<() => unknown>;
let exit: jest.Spied<typeof process.exit>;
let exited: Promise<number>;
let ends: Promise<unknown>[];

beforeEach(async () => {
  logger = { log: jest.fn(), warn: jest.fn(), error: jest.fn() };
  close = jest.fn();
  ends = [];
  exited = new Promise((done) => {
    exit = jest.spyOn(process, 'exit').mockImplementation((code) => done(Number(code)) as never);
  });
  // Responds at once, but for a request with a body: that is in flight until its body is there. Nobody reads `/unread`.
  server = createServer((request, response) => {
    if (request.url === '/unread') response.end('done');
    else request.resume().on('end', () => response.end('done'));
  });
  connections = new Connections();
  connections.observe(server);
  installRequestGate(server, connections, undefined);
  drain = new Drain(connections);
  drain.prepare(server, { drainDelayMs: 100, shutdownTimeoutMs: 1000, logger, close });
  await once(server.listen(0), 'listening');
});

afterEach(async () => {
  process.removeAllListeners('uncaughtExceptionMonitor');
  server.closeAllConnections();
  server.close();
  letClose();
  await Promise.all(ends);
  jest.restoreAllMocks();
});

let letClose = (): void => undefined;

/** Ends the program, but for `process.exit`: so the test waits until nothing of it is left. */
function end(signal: 'SIGTERM' | 'SIGINT'): void {
  ends.push(drain.end(signal));
}

const port = () => (server.address() as AddressInfo).port;

async function connectionHeader(): Promise<string | undefined> {
  const request = get({ port: port(), agent: false, headers: { Connection: 'keep-alive' } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.headers.connection;
}

/** A request that is in flight until `2` is written. */
async function inFlight(path = '/') {
  const busy = connect(port(), '127.0.0.1')
    .setEncoding('utf8')
    .on('error', () => undefined);
  const request = once(server, 'request');
  busy.write(`POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n1`);
  await request;
  return busy;
}

it('makes responses say `Connection: close` from the signal on, and not before', async () => {
  expect(drain.phase).toBe('serving');
  expect(await connectionHeader()).toBe('keep-alive');
  end('SIGTERM');
  expect(drain.phase).toBe('draining');
  expect(await connectionHeader()).toBe('close');
  await exited;
});

it('waits for the drain delay and the requests in flight, closes the program, and exits with status 0', async () => {
  const idle = connect(port(), '127.0.0.1');
  const busy = await inFlight();
  const ended = Promise.all([once(idle, 'close'), once(busy, 'close')]);
  logger.log.mockImplementation((message) => {
    if (String(message).startsWith('Stopped')) busy.write('2');
  });
  const data = once(busy, 'data');
  close.mockImplementation(() => void logger.log('closing the program'));

  end('SIGTERM');
  const [response] = (await data) as [string];
  await ended;
  expect(await exited).toBe(0);

  expect(drain.phase).toBe('closed');
  expect(response).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/);
  expect(logger.log.mock.calls).toEqual([
    ['SIGTERM: draining', { drainDelayMs: 100, inFlight: 1 }],
    ['Stopped accepting connections', { afterMs: expect.any(Number), inFlight: 1 }],
    ['closing the program'],
    ['Done: every request is answered', { afterMs: expect.any(Number), answered: 1 }],
  ]);
});

it('answers the first request on a connection that was accepted just before the port closed', async () => {
  const late = connect(port(), '127.0.0.1').setEncoding('utf8');
  await once(server, 'connection');
  const data = once(late, 'data');
  logger.log.mockImplementation((message) => {
    if (String(message).startsWith('Stopped')) setTimeout(() => late.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'), 50);
  });
  end('SIGINT');
  expect(await data).toEqual([expect.stringMatching(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/)]);
  expect(await exited).toBe(0);
});

it('aborts `closing` when the port closes, and not before', async () => {
  const phases: string[] = [];
  drain.closing.addEventListener('abort', () => phases.push(drain.phase));
  end('SIGTERM');
  expect(drain.closing.aborted).toBe(false);
  await exited;
  expect(phases).toEqual(['closing']);
});

it('lets any number of open streams listen for that', () => {
  expect(getMaxListeners(drain.closing)).toBe(Infinity);
});

it('drains without a delay and leaves the process alone when the program closes it', async () => {
  const busy = await inFlight();
  const data = once(busy, 'data');
  const closed = Promise.all([drain.run(), drain.run()]);
  busy.write('2');
  await data;
  await closed;
  expect(logger.log.mock.calls[0]).toEqual(['close(): draining', { drainDelayMs: 0, inFlight: 1 }]);
  expect(close).not.toHaveBeenCalled();
  expect(exit).not.toHaveBeenCalled();
});

it('cuts off what is in flight at the shutdown timeout when the program closes it, too', async () => {
  await inFlight();
  await drain.run();
  expect(logger.error.mock.calls).toEqual([
    ['Shutdown timeout, cut off: unanswered requests (1)', { afterMs: expect.any(Number) }],
  ]);
  expect(exit).not.toHaveBeenCalled();
});

it('does nothing where nothing was served', async () => {
  const unused = new Drain(new Connections());
  await unused.run();
  expect(unused.phase).toBe('serving');
});

it.each([
  ['unanswered requests (1)', '/'],
  ['unfinished responses (1)', '/early'],
])('exits with status 1 at the shutdown timeout, and logs what that cut off: %s', async (cutOff, path) => {
  server.prependListener('request', ({ url }, response) => {
    if (url === '/early') response.flushHeaders();
  });
  await inFlight(path);
  end('SIGINT');
  expect(await exited).toBe(1);
  expect(logger.error.mock.calls).toEqual([
    [`Shutdown timeout, cut off: ${cutOff}`, { afterMs: expect.any(Number), inFlight: 1 }],
  ]);
});

it('exits with status 1 at the shutdown timeout when the program does not close', async () => {
  close.mockReturnValue(new Promise<void>((done) => (letClose = done)));
  end('SIGINT');
  expect(await exited).toBe(1);
  expect(logger.error.mock.calls).toEqual([
    ['Shutdown timeout, cut off: shutdown hooks', { afterMs: expect.any(Number), inFlight: 0 }],
  ]);
});

it('exits with status 1 when connections still arrived as the port closed', async () => {
  jest.spyOn(connections, 'caughtUp').mockResolvedValueOnce(false);
  end('SIGINT');
  expect(await exited).toBe(1);
  expect(logger.warn.mock.calls).toEqual([
    ['Done, but connections still arrived when the port closed: some may have been reset', expect.any(Object)],
  ]);
});

it('logs what an uncaught error cuts off, and emits `ended` for each of it', async () => {
  const ended = jest.fn();
  for (let count = 0; count < 3; count++) await inFlight();
  connections.on('ended', ended);
  (process as EventEmitter).emit('uncaughtExceptionMonitor', new Error('boom'), 'uncaughtException');
  expect(ended).toHaveBeenCalledTimes(3);
  expect(logger.error.mock.calls).toEqual([['Uncaught error, cut off: unanswered requests (3)', { inFlight: 3 }]]);
});

it('exits only when every client has sent the rest of an upload that nobody reads', async () => {
  const client = await inFlight('/unread');
  const order: string[] = [];
  exit.mockImplementation(() => order.push('exit') as never);
  logger.log.mockImplementation((message) => {
    if (message !== 'Stopped accepting connections') return;
    // Later than an exit that does not wait.
    setTimeout(() => {
      order.push('rest of the upload');
      client.write('2');
    }, 100);
  });
  const closed = once(client.resume(), 'close');
  end('SIGINT');
  await Promise.all([closed, ...ends]);
  expect(order).toEqual(['rest of the upload', 'exit']);
  expect(exit).toHaveBeenCalledWith(0);
});
