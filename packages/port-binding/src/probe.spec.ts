import { type RequestListener, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import * as sockets from './sockets.js';

let server: Server;
let port: number;
let log: jest.Spied<typeof console.log>;

// Of all that listens on this machine only the server here: other tests count who connects to theirs.
jest.doMock('./sockets.js', () => ({
  listening: () => sockets.listening().filter((socket) => socket.port === port),
}));

beforeEach(() => {
  log = jest.spyOn(console, 'log').mockReturnValue();
});

afterEach(() => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  server.close();
});

async function serve(listener: RequestListener): Promise<void> {
  server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ({ port } = server.address() as AddressInfo);
}

async function probe(): Promise<boolean> {
  return (await import('./probe.js')).probe('/health/ready');
}

it('asks what listens here, by the port that is bound', async () => {
  const asked: (string | undefined)[] = [];
  await serve(({ url }, response) => {
    asked.push(url);
    response.end();
  });
  expect(await probe()).toBe(true);
  expect(asked).toEqual(['/health/ready']);
  expect(log.mock.calls).toEqual([[`127.0.0.1 port ${port}: ready`]]);
});

it.each<[string, RequestListener]>([
  ['says that it is not', (_, response) => response.writeHead(503).end()],
  ['hangs up', ({ socket }) => socket.destroy()],
  ['never answers', () => undefined],
])('takes a service that %s for not ready', async (_, listener) => {
  await serve(listener);
  expect(await probe()).toBe(false);
  expect(log.mock.calls).toEqual([[`127.0.0.1 port ${port}: not ready`]]);
});
