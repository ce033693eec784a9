import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { Connection, get } from '../support/connection.js';
import { type Program, start } from '../support/service.js';

const lines = (service: Program) => service.log.filter(({ context }) => context === 'Request');

async function ended(service: Program) {
  service.kill('SIGTERM');
  expect(await service.exit).toEqual({ code: 0, signal: null });
}

it('says nothing of requests that were answered well, be it with a 404', async () => {
  const { service, url } = await start({ DRAIN_DELAY_MS: '0' });
  for (const path of ['/', '/nowhere', '/delay/0', '/delay/x', '/health/ready']) await fetch(url + path);
  await ended(service);
  expect(lines(service)).toEqual([]);
});

it('tells every request at LOG_LEVEL=debug: what it was, its route, how it ended, and whose it is', async () => {
  const { service, url } = await start({ DRAIN_DELAY_MS: '0', LOG_LEVEL: 'debug' });
  await fetch(`${url}/delay/0?token=secret`, {
    headers: {
      Authorization: 'Bearer secret',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'X-Request-Id': 'the-router-s-id',
    },
  });
  await fetch(`${url}/nowhere`, {
    method: 'POST',
    headers: { traceparent: `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01` },
  });
  await ended(service);
  expect(lines(service)).toMatchObject([
    {
      level: 'debug',
      message: 'Answered',
      method: 'GET',
      path: '/delay/0',
      route: '/delay/:seconds',
      status: 200,
      durationMs: expect.any(Number),
      bytes: expect.any(Number),
      request_id: 'the-router-s-id',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      span_id: '00f067aa0ba902b7',
    },
    { method: 'POST', path: '/nowhere', status: 404 },
  ]);
  expect(lines(service)[1]).not.toHaveProperty('trace_id');
  expect(service.stdout).not.toContain('secret');
});

it('tells of an answer of 500 and above', async () => {
  const { service, port } = await start({ METRICS_PORT: '0', MAX_CONNECTIONS: '1' });
  const { port: metrics } = await service.logged(/^Metrics on port/);
  const first = (await Connection.open(port)).send(get('/delay/9'));
  const inFlight = async () => (await fetch(`http://127.0.0.1:${String(metrics)}/metrics`)).text();
  while (!/^http_server_active_requests 1$/m.test(await inFlight()));
  const { status } = await (await Connection.open(port)).request(get('/'));
  expect(status).toBe(503);
  expect(await service.logged(/^Failed$/)).toMatchObject({ level: 'error', method: 'GET', path: '/', status: 503 });
  first.close();
});

it('tells how many bytes were sent, and takes no line break from anybody', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0', LOG_LEVEL: 'debug' });
  const client = await Connection.open(port);
  await client.request(get('/'));
  const { length } = client.received;
  await client.request('GET /%0d%0a{"level":"fatal"} HTTP/1.1\r\nHost: test\r\nX-Request-Id: 1\\n2\r\n\r\n');
  await ended(service);
  expect(lines(service)).toMatchObject([
    { path: '/', bytes: length },
    { path: '/%0d%0a{"level":"fatal"}', bytes: client.received.length - length, request_id: '1\\n2' },
  ]);
  const everyLine = service.stdout.trim().split('\n');
  expect(everyLine.map((line) => (JSON.parse(line) as { level: string }).level)).not.toContain('fatal');
});

it('tells of a slow answer, and of one that was cut off', async () => {
  const { service, url, port } = await start({ DRAIN_DELAY_MS: '0' });
  await fetch(`${url}/delay/1.1`);
  const client = (await Connection.open(port)).send(get('/delay/9'));
  await (await Connection.open(port)).request(get('/')); // the service has read what was sent before it
  client.close();
  await service.logged(/^Cut off$/);
  await ended(service);
  expect(lines(service)).toMatchObject([
    { level: 'warn', message: 'Slow', path: '/delay/1.1', status: 200 },
    { level: 'warn', message: 'Cut off', path: '/delay/9' },
  ]);
});

it('tells of what was cut off at the shutdown timeout, though the process ends there', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1000' });
  const clients = await Promise.all(Array.from({ length: 14 }, () => Connection.open(port)));
  clients.forEach((client) => client.send(get('/delay/9')));
  await (await Connection.open(port)).request(get('/'));
  service.kill('SIGTERM');
  expect(await service.exit).toEqual({ code: 1, signal: null });
  const cutOff = { level: 'warn', message: 'Cut off', path: '/delay/9' };
  expect(lines(service)).toMatchObject([
    ...Array.from({ length: 10 }, () => cutOff),
    { message: 'More of these were left out', leftOut: 4 },
  ]);
});

it('writes ten lines a second at most, and how many it left out', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0' });
  const clients = await Promise.all(Array.from({ length: 50 }, () => Connection.open(port)));
  clients.forEach((client) => client.send(get('/delay/9')));
  await (await Connection.open(port)).request(get('/'));
  clients.forEach((client) => client.close());
  const { leftOut } = await service.logged(/^More of these were left out$/);
  while (lines(service).length < 11) await delay(20);
  expect(lines(service)).toHaveLength(11);
  expect(leftOut).toBe(40);
});
