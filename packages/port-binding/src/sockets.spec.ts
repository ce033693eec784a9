import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from '@jest/globals';
import { listening } from './sockets.js';

it.each(['127.0.0.2', '0.0.0.0', '::1', '::'])('finds the port of a socket that listens on %s', async (address) => {
  const server = createServer();
  await once(server.listen(0, address), 'listening');
  const { port } = server.address() as AddressInfo;
  expect(listening([process.pid])).toContainEqual({ address, port });
  expect(listening()).toContainEqual({ address, port });
  server.close();
});

it('leaves out sockets that do not listen, and those of other processes', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  expect(listening([process.ppid])).not.toContainEqual({ address: '127.0.0.1', port });
  server.close();
  await once(server, 'close');
  expect(listening()).not.toContainEqual({ address: '127.0.0.1', port });
});
