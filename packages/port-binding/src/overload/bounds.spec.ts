import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Gunzip, createGunzip, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Connections } from '../connections/connections.js';
import { Bounds } from './bounds.js';
import { Brake } from './brake.js';
import { Memory } from './memory.js';

const MIB = 1024 * 1024;

let server: Server;
let connections: Connections;
/** The responses to give, in the order of their requests. */
let waiting: ServerResponse[];
let refused: ServerResponse[];
let clients: Socket[];
let warn: jest.Mock<(message: string, counts: object) => void>;
/** Of 64 MiB. */
let used: number;

const isProbe = ({ url }: IncomingMessage) => url!.startsWith('/health');

/** @param memory for 2 MiB, 16 connections and 128 KiB of bodies */
async function listen(memory: number): Promise<void> {
  jest.spyOn(process, 'constrainedMemory').mockReturnValue(memory);
  const brake = new Brake([new Memory(64 * MIB, () => used)]);
  server = createServer();
  connections = new Connections();
  connections.observe(server);
  const bounds = new Bounds(server, connections, { isProbe }, { warn }, brake);
  server.on('request', (request, response) => {
    if (!connections.requestArrived(response)) return;
    if (bounds.admit(request, response)) waiting.push(response);
    else refused.push(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
}

beforeEach(async () => {
  [waiting, refused, clients] = [[], [], []];
  warn = jest.fn();
  used = 0;
  await listen(2 * MIB);
});

afterEach(() => {
  clients.forEach((client) => client.destroy());
  server.closeAllConnections();
  server.close();
  jest.restoreAllMocks();
});

async function open(): Promise<Socket> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    .resume()
    .on('error', () => undefined);
  clients.push(client);
  await once(server, 'connection');
  return client;
}

async function ask(request = get('/'), client?: Socket): Promise<Socket> {
  client ??= await open();
  client.write(request);
  await once(server, 'request');
  return client;
}

async function times<T>(count: number, each: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < count) results.push(await each());
  return results;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;
const post = (path: string, header: string) => `POST ${path} HTTP/1.1\r\nHost: test\r\n${header}\r\n\r\n`;

it('closes the connection that has idled longest for a new one, and tells', async () => {
  const [first, second, ...rest] = await times(16, ask);
  const closed = [once(second!, 'close'), once(rest[0]!, 'close')];
  // In use, so it is the others that idle.
  for (const response of waiting.splice(1)) await once(response.end(), 'close');
  await ask();
  await closed[0];
  await ask();
  await closed[1];
  expect([connections.open, first!.destroyed, refused.length]).toEqual([16, false, 0]);
  while (warn.mock.calls.length === 0) await delay(10);
  expect(warn.mock.calls).toEqual([['At capacity', { closed: 2, refused: 0, cut: 0, maxConnections: 16 }]]);
});

it('refuses a request on a connection too many when none of the others is idle, but for those of probes', async () => {
  await times(16, ask);
  await ask(get('/health/live'));
  await ask(get('/'));
  await ask(post('/health', 'Content-Length: 1'));
  expect(refused.map(({ req }) => req.url)).toEqual(['/', '/health']);
});

it('holds no more connections than one too many, whatever they wait for', async () => {
  await times(16, ask);
  const silent = await times(5, open);
  for (const client of silent.slice(0, 4)) if (!client.closed) await once(client, 'close');
  expect(connections.open).toBe(17);
});

it.each([
  ['a length', 'Content-Length: 70000'],
  ['chunks', 'Transfer-Encoding: chunked'],
  ['the length of a stream', 'Content-Length: 70000000'],
])('refuses a body when those on their way are too much to hold: %s', async (_, header) => {
  await ask(post('/', header));
  const small = await ask(post('/', 'Content-Length: 1'));
  await ask(post('/', header));
  expect([waiting.length, refused.length]).toEqual([2, 1]);
  small.destroy();
  clients[0]!.destroy();
  while (connections.inFlight > 0) await once(connections, 'idle');
  await ask(post('/', header));
  expect(waiting).toHaveLength(3);
});

it('expects of a compressed body what it may decompress to, and of others no more than their length', async () => {
  await ask(post('/compressed', 'Content-Encoding: gzip\r\nContent-Length: 240'));
  await ask(post('/plain', 'Content-Encoding: identity\r\nContent-Length: 240'));
  expect([waiting, refused].map(([response]) => response!.req.url)).toEqual(['/plain', '/compressed']);
});

it('expects no more of the bodies whose connection has closed, though their responses have not ended', async () => {
  const whole = post('/', 'Transfer-Encoding: chunked') + '0\r\n\r\n';
  const client = await ask(whole.repeat(2));
  while (refused.length === 0) await once(server, 'request');
  const { socket } = refused.pop()!.req;
  client.destroy();
  await once(socket, 'close');
  await ask(whole);
  expect(refused).toEqual([]);
});

it('keeps nothing of a body in memory once that is answered, though the connection stays open', async () => {
  server.close();
  await listen(128 * MIB);
  const client = await ask(post('/', 'Content-Encoding: gzip\r\nContent-Length: 20'));
  const decompressor = await answerCompressed(client);
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  while (decompressor.deref() !== undefined) {
    await delay(10); // What a promise has just resolved to may be in use still.
    collectGarbage();
  }
  expect([connections.open, client.destroyed]).toEqual([1, false]);
});

async function answerCompressed(client: Socket): Promise<WeakRef<Gunzip>> {
  const response = waiting.pop()!;
  const decompressor = response.req.pipe(createGunzip()).resume();
  client.write(gzipSync(''));
  await once(decompressor, 'end');
  await once(response.end(), 'close');
  return new WeakRef(decompressor);
}

/** Waits until the brake has noticed. */
async function exhaustMemory(): Promise<void> {
  used = 33 * MIB;
  await delay(100);
}

describe('when memory runs out', () => {
  beforeEach(async () => {
    server.close();
    await listen(128 * MIB);
    await ask(get('/at-rest'));
    await once(waiting.pop()!.end(), 'close');
  });

  it('refuses new requests but for those of probes, and for one at a time', async () => {
    await ask(get('/first'));
    await exhaustMemory();
    await ask(get('/second'));
    await ask(get('/health/live'));
    for (const response of waiting.splice(0)) await once(response.end(), 'close');
    await ask(get('/third'));
    expect(refused.map(({ req }) => req.url)).toEqual(['/second']);
    expect(waiting.map(({ req }) => req.url)).toEqual(['/third']);
  });

  it('cuts off the client that holds most, and nobody else', async () => {
    const short = await ask();
    const long = await open();
    const closed = once(long, 'close');
    used = 33 * MIB;
    long.write(get('/').repeat(30));
    await closed;
    while (connections.open > 1) await delay(1);
    expect(short.destroyed).toBe(false);
    expect(connections).toMatchObject({ requests: 1, inFlight: 1 });
  });

  it('decompresses no more of what a client has sent that it cuts off', async () => {
    const client = await ask(post('/', 'Content-Encoding: gzip\r\nContent-Length: 1000'));
    waiting[0]!.req.on('error', () => undefined);
    const gunzip = waiting[0]!.req.pipe(createGunzip()).resume();
    const closed = new Promise((done) => client.once('close', done));
    used = 33 * MIB;
    client.write(gzipSync(Buffer.alloc(400 * 1024)).subarray(0, -1));
    await closed;
    expect(gunzip.destroyed).toBe(true);
  });
});

it('cuts off the longest pipeline when there are too many requests, and nobody else', async () => {
  const short = await ask();
  const [long, longest] = [await open(), await open()];
  const closed = once(longest, 'close');
  long.write(get('/').repeat(15));
  while (waiting.length < 16) await once(server, 'request');
  longest.write(get('/').repeat(30));
  await closed;
  expect([short.destroyed, long.destroyed]).toEqual([false, false]);
  expect(connections).toMatchObject({ open: 2, requests: 16, inFlight: 16 });
  await ask(get('/'), short);
});
