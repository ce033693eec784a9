import { hostname } from 'node:os';
import { beforeAll, describe, expect, it } from '@jest/globals';
import packageJson from '../package.json' with { type: 'json' };
import { type Program, start } from './support/service.js';

let url: string;
let port: number;
let service: Program;

beforeAll(async () => {
  ({ service, port, url } = await start());
});

const json = { 'Content-Type': 'application/json' };

it('GET / tells which instance answered', async () => {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    name: packageJson.name,
    version: packageJson.version,
    instance: hostname(),
    pid: service.process.pid,
    port,
    uptime: expect.any(Number),
  });
});

it('GET /health has the bound address among its details, and the bound port at the top', async () => {
  const http = { status: 'up', address: '::', family: 'IPv6', port };
  expect(await (await fetch(`${url}/health`)).json()).toEqual({
    status: 'ok',
    info: { http },
    error: {},
    details: { http },
    port,
  });
});

it('GET /health/ready and /health/live are 200 while the service serves', async () => {
  const instance = { status: 'up' };
  const ready = await fetch(`${url}/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { status: 'ok', info: { instance }, error: {}, details: { instance } },
  ]);
  const live = await fetch(`${url}/health/live`);
  expect([live.status, await live.json()]).toEqual([200, { status: 'ok', info: {}, error: {}, details: {} }]);
});

it.each(['/health', '/health/ready', '/health/live'])('GET %s is not to be stored', async (path) => {
  expect((await fetch(url + path)).headers.get('Cache-Control')).toBe('no-store');
});

it.each(['GET', 'HEAD'])('%s / says nothing of what it is powered by', async (method) => {
  expect((await fetch(url, { method })).headers.get('X-Powered-By')).toBeNull();
});

describe('a request that the service does not understand', () => {
  it.each([
    ['an unknown path', '/nowhere', {}, 404, 'Cannot GET /nowhere'],
    ['an unknown method', '/health', { method: 'DELETE' }, 404, 'Cannot DELETE /health'],
    [
      'a malformed JSON body',
      '/',
      { method: 'POST', headers: json, body: '{"a' },
      400,
      expect.stringContaining('JSON'),
    ],
    [
      'a body over the limit of 100 kB',
      '/',
      { method: 'POST', headers: json, body: JSON.stringify('x'.repeat(102_400)) },
      413,
      'request entity too large',
    ],
  ])('is answered in JSON: %s', async (_, path, init, statusCode, message) => {
    const response = await fetch(url + path, init);
    expect(response.status).toBe(statusCode);
    expect(await response.json()).toMatchObject({ statusCode, message });
  });
});

it('a client that trickles its header or its body a byte a second is cut off with a 408', async () => {
  // Node looks every 30 s for those that are over their time: 10 s for a header, 30 s for a request.
  const { Connection, slow } = await import('./support/connection.js');
  const [header, body] = await Promise.all([Connection.open(port), Connection.open(port)]);
  header.send('GET / HTTP/1.1\r\nX-Slow: ');
  body.send(slow('POST', '/', 1000));
  const trickle = setInterval(() => [header, body].forEach((connection) => connection.send('1')), 1000);
  await Promise.all([header.end, body.end]);
  clearInterval(trickle);
  expect([header.received, body.received]).toEqual([
    expect.stringMatching(/^HTTP\/1\.1 408 /),
    expect.stringMatching(/^HTTP\/1\.1 408 /),
  ]);
}, 90_000);
