import { once } from 'node:events';
import { Agent } from 'node:http';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { expect, it } from '@jest/globals';
import { send } from './load.js';

it('has its answer although the connection breaks behind it, while the body is still being sent', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new Agent({ keepAlive: true });
  // More than the buffers of both sides hold.
  const upload = { method: 'POST', body: Buffer.alloc(20_000_000), keepAlive: true, status: 404 } as const;
  const { port } = server.address() as AddressInfo;
  const answer = send({ host: '127.0.0.1', port }, upload, agent);
  const [socket] = (await once(server, 'connection')) as [Socket];
  await once(socket, 'data');
  socket.pause().end('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nok');
  expect(await answer).toBe(404);
  socket.resetAndDestroy();
  while (Object.keys(agent.sockets).length > 0) await new Promise(setImmediate);
  server.close();
});
