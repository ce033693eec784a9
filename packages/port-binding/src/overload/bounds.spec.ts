import { once } from 'node:events';
import { type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Connections } from '../connections/connections.js';
import { Bounds } from './bounds.js';

const MIB = 1024 * 1024;

let server: Server;
let connections: Connections;
/** The responses to give, in the order of their requests. */
let waiting: ServerResponse[];
let refused: ServerResponse[];
let clients: Socket[];
let warn: jest.Mock<(message: string, counts: object) => void>;

beforeEach(async () => {
  [waiting, refused, clients] = [[], [], []];
  warn = jest.fn();
  // Good for 16 connections, 42 requests, and 128 kB of bodies.
  jest.spyOn(process, 'constrainedMemory').mockReturnValue(2 * MIB);
  server = createServer();
  connections = new Connections();
  connections.observe(server);
  const bounds = new Bounds(server, connections, { isProbe: ({ url }) => url!.startsWith('/health') }, { warn });
  server.on('request', (request, response) => {
    if (!connections.requestArrived(response)) return;
    if (bounds.admit(request, response)) waiting.push(response);
    else refused.push(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
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
