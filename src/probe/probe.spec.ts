import { type RequestListener, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { listening } from 'port-binding/sockets';

let server: Server;
let port: number;
let log: jest.Spied<typeof console.log>;
let exit: jest.Spied<typeof process.exit>;
let exited: Promise<void>;

// Of all that listens on this machine only the server here: other tests count who connects to theirs.
jest.doMock('port-binding/sockets', () => ({
  listening: () => listening().filter((socket) => socket.port === port),
}));

beforeEach(() => {
  jest.resetModules();
  log = jest.spyOn(console, 'log').mockReturnValue();
  exited = new Promise((done) => {
    exit = jest.spyOn(process, 'exit').mockImplementation(() => done() as never);
  });
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

async function probe(): Promise<void> {
  await import('./probe.js');
  await exited;
}

it('asks the readiness of what listens here, by the port that is bound', async () => {
  const asked: (string | undefined)[] = [];
  await serve(({ url }, response) => {
    asked.push(url);
    response.end();
  });
  await probe();
  expect(asked).toEqual(['/health/ready']);
  expect(log.mock.calls).toEqual([[`127.0.0.1 port ${port}: ready`]]);
  expect(exit.mock.calls).toEqual([[0]]);
});

it.each<[string, RequestListener]>([
  ['says that it is not', (_, response) => response.writeHead(503).end()],
  ['hangs up', ({ socket }) => socket.destroy()],
  ['never answers', () => undefined],
])('takes a service that %s for not ready, and ends', async (_, listener) => {
  await serve(listener);
  await probe();
  expect(log.mock.calls).toEqual([[`127.0.0.1 port ${port}: not ready`]]);
  expect(exit).toHaveBeenCalledTimes(1);
});
