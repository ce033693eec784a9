import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { Balancer } from './balancer.js';
import { ask } from './client.js';

const CHECKS = { intervalMs: 20, threshold: 2 };

const LOST = /socket hang up|ECONNRESET|closed/;

const servers: Server[] = [];
let balancer: Balancer;

afterEach(() => {
  balancer.stop();
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { server, host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const through = () => ({ host: '127.0.0.1', port: balancer.port });

it('passes connections on to the instances in turn', async () => {
  balancer = await Balancer.start(CHECKS);
  for (const name of ['one', 'two']) await balancer.join(await serve((_, response) => response.end(name)));
  const bodies = [];
  for (let time = 0; time < 4; time++) bodies.push((await ask(through(), '/')).body);
  expect(bodies.toSorted()).toEqual(['one', 'one', 'two', 'two']);
});

it('sends nothing to an instance before it says ready, nor after it has failed as many checks as the threshold', async () => {
  let ready = false;
  const checks = { count: 0 };
  const instance = await serve((request, response) => {
    if (request.url === '/ready') checks.count++;
    response.writeHead(request.url === '/ready' && !ready ? 503 : 200).end();
  });
  balancer = await Balancer.start({ ...CHECKS, ready: '/ready' });
  const joined = balancer.join(instance);
  while (checks.count < 3) await new Promise(setImmediate);
  await expect(ask(through(), '/')).rejects.toThrow(LOST);
  expect(balancer.refused).toBe(1);

  ready = true;
  await joined;
  expect(await ask(through(), '/')).toMatchObject({ status: 200 });

  ready = false;
  checks.count = 0;
  while (checks.count < 3) await new Promise(setImmediate);
  await expect(ask(through(), '/')).rejects.toThrow(LOST);
});

it('passes on the end of one half of a connection, and the answer that comes behind it', async () => {
  balancer = await Balancer.start(CHECKS);
  await balancer.join(await serve((request, response) => request.resume().once('end', () => response.end('whole'))));
  const client = connect({ ...through(), allowHalfOpen: true });
  client.end('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
  let received = '';
  for await (const chunk of client) received += String(chunk);
  expect(received).toMatch(/^HTTP\/1\.1 200 [^]*whole/);
});

it('counts the connections that an instance refuses, and does not send them elsewhere', async () => {
  balancer = await Balancer.start({ intervalMs: 60_000, threshold: 2 });
  const instance = await serve((_, response) => response.end());
  await balancer.join(instance);
  instance.server.close();
  await expect(ask(through(), '/')).rejects.toThrow(LOST);
  expect(balancer.refused).toBe(1);
});
