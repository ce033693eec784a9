import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { Connection, get } from '../support/connection.js';
import { type Program, start } from '../support/service.js';

const lines = (service: Program) => service.log.filter(({ context }) => context === 'Request');

const idOf = ({ received }: Connection) => /^X-Request-Id: (.*)\r$/m.exec(received)![1];

async function ended(service: Program) {
  service.kill('SIGTERM');
  expect(await service.exit).toEqual({ code: 0, signal: null });
}

it('has no line for a request that was answered well, even with a 404', async () => {
  const { service, url } = await start({ DRAIN_DELAY_MS: '0' });
  for (const path of ['/', '/nowhere', '/delay/0', '/delay/x', '/health/ready']) await fetch(url + path);
  await ended(service);
  expect(lines(service)).toEqual([]);
});

it('has a line for every request at LOG_LEVEL=debug, without its secrets', async () => {
  const { service, url } = await start({ DRAIN_DELAY_MS: '0', LOG_LEVEL: 'debug' });
  const response = await fetch(`${url}/delay/0?token=secret`, {
    headers: {
      Authorization: 'Bearer secret',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'X-Request-Id': 'the-router-s-id',
    },
  });
  expect(response.headers.get('x-request-id')).toBe('the-router-s-id');
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
      status_code: 200,
      duration_ms: expect.any(Number),
      bytes: expect.any(Number),
      client_address: expect.stringMatching(/127\.0\.0\.1$/),
      request_id: 'the-router-s-id',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      span_id: '00f067aa0ba902b7',
    },
    { method: 'POST', path: '/nowhere', status_code: 404 },
  ]);
  expect(lines(service)[1]).not.toHaveProperty('trace_id');
  expect(service.stdout).not.toContain('secret');
});

it('has a line for a response of 500 and above', async () => {
  const { service, port } = await start({ METRICS_PORT: '0', MAX_CONNECTIONS: '1' });
  const { port: metrics } = await service.logged(/^Metrics on port/);
  const first = (await Connection.open(port)).send(get('/delay/9'));
  const inFlight = async () => (await fetch(`http://127.0.0.1:${String(metrics)}/metrics`)).text();
  while (!/^http_server_active_requests 1$/m.test(await inFlight()));
  const client = await Connection.open(port);
  expect(await client.request(get('/'))).toMatchObject({ status: 503 });
  expect(await service.logged(/^Failed$/)).toMatchObject({
    level: 'error',
    method: 'GET',
    path: '/',
    status_code: 503,
    request_id: idOf(client),
  });
  first.close();
});

it('has the number of bytes sent, and no line break from a client', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0', LOG_LEVEL: 'debug' });
  const client = await Connection.open(port);
  await client.request(get('/'));
  const { length } = client.received;
  await client.request('GET /%0d%0a{"level":"fatal"} HTTP/1.1\r\nHost: test\r\n\r\n');
  await ended(service);
  expect(lines(service)).toMatchObject([
    { path: '/', bytes: length },
    { path: '/%0d%0a{"level":"fatal"}', bytes: client.received.length - length },
  ]);
  const everyLine = service.stdout.trim().split('\n');
  expect(everyLine.map((line) => (JSON.parse(line) as { level: string }).level)).not.toContain('fatal');
});

it('has a line for a slow response, and for one that was cut off', async () => {
  const { service, url, port } = await start({ DRAIN_DELAY_MS: '0' });
  await fetch(`${url}/delay/1.1`);
  const client = (await Connection.open(port)).send(get('/delay/9'));
  await (await Connection.open(port)).request(get('/')); // the service has read what was sent before it
  client.close();
  await service.logged(/^Cut off$/);
  await ended(service);
  expect(lines(service)).toMatchObject([
    { level: 'warn', message: 'Slow', path: '/delay/1.1', status_code: 200 },
    { level: 'warn', message: 'Cut off', path: '/delay/9', client_address: expect.stringMatching(/127\.0\.0\.1$/) },
  ]);
});

it('has one line for each pipelined request that is cut off, by its client or by the shutdown timeout', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1000' });
  const [client, patient] = await Promise.all([Connection.open(port), Connection.open(port)]);
  for (const each of [client, patient]) each.send(get('/delay/9').repeat(3));
  await (await Connection.open(port)).request(get('/')); // the service has read what was sent before it
  client.close();
  while (lines(service).length < 3) await delay(20);
  service.kill('SIGTERM');
  expect(await service.exit).toMatchObject({ code: 1 });
  expect(lines(service).map(({ message, path }) => [message, path])).toEqual(
    Array.from({ length: 6 }, () => ['Cut off', '/delay/9']),
  );
});

it('has a line for each request that the shutdown timeout cuts off, although the process ends there', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1000' });
  const clients = await Promise.all(Array.from({ length: 14 }, () => Connection.open(port)));
  clients.forEach((client) => client.send(get('/delay/9')));
  await (await Connection.open(port)).request(get('/'));
  service.kill('SIGTERM');
  expect(await service.exit).toEqual({ code: 1, signal: null });
  const cutOff = { level: 'warn', message: 'Cut off', path: '/delay/9' };
  expect(lines(service)).toMatchObject([
    ...Array.from({ length: 10 }, () => cutOff),
    { message: 'More of these were left out', left_out: 4 },
  ]);
});

it('has a line for a request that is rejected as invalid HTTP on either port, with the reason', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0', METRICS_PORT: '0' });
  const { port: metrics } = await service.logged(/^Metrics on port/);
  await (await Connection.open(port)).request(`GET / HTTP/1.1\r\nHost: test\r\nCookie: ${'x'.repeat(20_000)}\r\n\r\n`);
  await (await Connection.open(port)).request('GET / HTTP/1.1\r\nHost: one\r\nHost: two\r\n\r\n');
  await (await Connection.open(metrics as number)).request('GET /metrics HTTP/1.1\r\n\r\n');
  await ended(service);
  const client_address = expect.stringMatching(/127\.0\.0\.1$/);
  expect(lines(service)).toMatchObject([
    {
      level: 'warn',
      message: 'Rejected',
      status_code: 431,
      reason: expect.stringMatching(/overflow/i),
      client_address,
    },
    { level: 'warn', message: 'Rejected', status_code: 400, reason: expect.stringMatching(/host/i), client_address },
    { level: 'warn', message: 'Rejected', status_code: 400, reason: expect.stringMatching(/host/i), client_address },
  ]);
});

it('has at most ten lines per second, and the number of those left out', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0' });
  const clients = await Promise.all(Array.from({ length: 50 }, () => Connection.open(port)));
  clients.forEach((client) => client.send(get('/delay/9')));
  await (await Connection.open(port)).request(get('/'));
  clients.forEach((client) => client.close());
  const { left_out } = await service.logged(/^More of these were left out$/);
  while (lines(service).length < 11) await delay(20);
  expect(lines(service)).toHaveLength(11);
  expect(left_out).toBe(40);
});

it("has each request's id, which its response carries too, whoever answers it", async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0', LOG_LEVEL: 'debug' });
  const ids = [];
  for (const [status, request] of [
    ['200', get('/')],
    ['404', get('/nowhere')],
    ['400', 'GET http:// HTTP/1.1\r\nHost: test\r\n\r\n'],
    ['417', 'GET / HTTP/1.1\r\nHost: test\r\nExpect: more\r\n\r\n'],
  ]) {
    const client = await Connection.open(port);
    await client.request(request!);
    expect(client.received).toContain(`HTTP/1.1 ${status} `);
    ids.push(idOf(client));
  }
  await ended(service);
  const answered = lines(service).filter(({ message }) => message === 'Answered');
  expect(answered.map(({ request_id }) => request_id)).toEqual(ids);
  expect(new Set(ids).size).toBe(4);
});
