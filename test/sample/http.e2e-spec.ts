import { METHODS } from 'node:http';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import packageJson from '../../package.json' with { type: 'json' };
import { Connection, get, slow } from '../support/connection.js';
import { type Program, start } from '../support/service.js';

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
    revision: 'unknown',
    instance: hostname(),
    pid: service.process.pid,
    port,
    phase: 'serving',
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

it.each(['/', '/delay/0', '/health', '/health/ready', '/health/live', '/metrics'])(
  'GET %s tells caches not to store the answer',
  async (path) => {
    expect((await fetch(url + path)).headers.get('Cache-Control')).toBe('no-store');
  },
);

it('GET /delay/:seconds refuses more than 100 delays at once, so that other requests get answers', async () => {
  const other = await start();
  const client = await Connection.open(other.port);
  // One packet: with the first answer, the service has read the delays too.
  await client.request(get('/') + get('/delay/10').repeat(100));
  const refusal = await fetch(`${other.url}/delay/10`);
  expect([refusal.status, refusal.headers.get('Retry-After')]).toEqual([503, '10']);
  expect((await fetch(other.url)).status).toBe(200);
  client.close();
});

it.each(['GET', 'HEAD'])('%s / says nothing of what it is powered by', async (method) => {
  expect((await fetch(url, { method })).headers.get('X-Powered-By')).toBeNull();
});

describe('a request that the service does not understand', () => {
  it.each([
    ['an unknown path', '/nowhere', {}, 404, 'Cannot GET /nowhere'],
    ['a method that the path lacks', '/health', { method: 'DELETE' }, 405, 'Cannot DELETE /health'],
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

it.each(['/', '/health', '/health/ready', '/health/live'])(
  'GET %s is answered in full, even if the client asks for it only if there is nothing',
  async (path) => {
    const response = await fetch(url + path, { headers: { 'If-None-Match': '*', 'Cache-Control': 'max-age=1' } });
    expect([response.status, await response.json()]).toEqual([200, expect.any(Object)]);
  },
);

const JSON_TYPE = 'application/json; charset=utf-8';

const raw = (line: string, header: string[] = [], body = '') =>
  [`${line} HTTP/1.1`, 'Host: test', 'Connection: close', ...header, '', body].join('\r\n');

describe('whatever a client sends', () => {
  let odd: Awaited<ReturnType<typeof start>>;

  beforeAll(async () => {
    // What Node has to say about the code that it runs would end this process.
    odd = await start({}, { execArgv: ['--throw-deprecation'] });
  });

  /** Sends these bytes and gives all that comes back. */
  async function exchange(bytes: string) {
    const connection = (await Connection.open(odd.port)).send(Buffer.from(bytes, 'latin1'));
    expect(await connection.end).toBe('closed');
    const [, status, header = '', body] = /^HTTP\/1\.1 (\d+) (.*?)\r\n\r\n(.*)$/s.exec(connection.received) ?? [];
    return { status: Number(status), type: /^content-type: (.*)$/im.exec(header)?.[1], body };
  }

  it.each([
    ['GET /health/ready?x', 200],
    ['GET http://example.com/health/ready', 200],
    ['GET http://example.com', 200],
    ['GET http://[::1]:80/health', 200],
    ['GET //', 200],
    ['GET /..', 404],
    ['GET /%', 404],
    ['GET /%00', 404],
    ['GET /%c0%af', 404],
    ['GET /health%2Fready', 404],
    ['GET /<script>', 404],
    ['GET /?__proto__[x]=1', 200],
    ['GET *', 400],
    ['GET /#x', 400],
    ['GET /?x#y', 400],
    ['GET http://[/', 400],
    ['GET http://[::1/', 400],
    ['GET http://a:b/', 400],
    ['GET http://xn--a.b%/', 400],
    ['GET http://a/#x', 400],
    ['GET http:///', 400],
    ['GET ftp://example.com/', 400],
    ['POST http://[/', 400],
  ])('is answered in JSON: %s', async (line, status) => {
    const answer = await exchange(raw(line));
    expect(answer).toMatchObject({ status, type: JSON_TYPE });
    expect(JSON.parse(answer.body!)).toEqual(expect.any(Object));
  });

  it.each([
    ['a byte order mark', ['Content-Type: application/json'], '\xef\xbb\xbf{}', 405],
    ['no object', ['Content-Type: application/json'], '1', 400],
    ['twenty thousand brackets', ['Content-Type: application/json'], '['.repeat(20_000), 400],
    ['another prototype', ['Content-Type: application/json'], '{"__proto__":{"x":1}}', 405],
    ['an unknown charset', ['Content-Type: application/json; charset=nope'], '{}', 415],
    ['a charset it is not in', ['Content-Type: application/json; charset=utf-16'], '{}', 400],
    ['no media type', ['Content-Type: ;'], '{}', 405],
    ['an unknown encoding', ['Content-Type: application/json', 'Content-Encoding: nope'], '{}', 415],
    ['an encoding it is not in', ['Content-Type: application/json', 'Content-Encoding: gzip'], '{}', 400],
    ['odd percent signs', ['Content-Type: application/x-www-form-urlencoded'], 'a=%zz&%=%', 405],
    ['too many fields', ['Content-Type: application/x-www-form-urlencoded'], 'a&'.repeat(1001), 413],
    ['deep fields', ['Content-Type: application/x-www-form-urlencoded'], `a${'[b]'.repeat(100)}=1`, 400],
  ])('is answered in JSON: a body with %s', async (_, header, body, status) => {
    const answer = await exchange(raw('POST /', [...header, `Content-Length: ${body.length}`], body));
    expect(answer).toMatchObject({ status, type: JSON_TYPE });
    expect(JSON.parse(answer.body!)).toEqual(expect.any(Object));
  });

  it.each(METHODS.filter((method) => !['CONNECT', 'GET', 'HEAD', 'OPTIONS'].includes(method)))(
    'is answered in JSON: %s /',
    async (method) => {
      expect(await exchange(raw(`${method} /`))).toMatchObject({ status: 405, type: JSON_TYPE });
    },
  );

  it.each(['/', '*'])('is answered with the methods that there are: OPTIONS %s', async (target) => {
    const connection = (await Connection.open(odd.port)).send(raw(`OPTIONS ${target}`));
    expect(await connection.end).toBe('closed');
    expect(connection.received).toMatch(/^HTTP\/1\.1 204 No Content\r\n(.+\r\n)*Allow: GET, HEAD, OPTIONS\r\n/);
  });

  it.each(['a', '../', '%61'])('is answered in JSON: a path of 15,000 characters, of %s', async (part) => {
    const line = `GET /${part.repeat(15_000 / part.length)}`;
    expect(await exchange(raw(line))).toMatchObject({ status: 404, type: JSON_TYPE });
  });

  it.each([
    ['what is no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n', 400],
    ['the beginning of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a path that is not encoded', raw('GET /caf\xc3\xa9'), 400],
    ['an unknown method', raw('FOO /'), 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two lengths', raw('POST /', ['Content-Length: 1', 'Content-Length: 2']), 400],
    ['a length and chunks', raw('POST /', ['Transfer-Encoding: chunked', 'Content-Length: 1'], '0\r\n\r\n'), 400],
    ['a coding behind the chunks', raw('POST /', ['Transfer-Encoding: chunked, gzip']), 400],
    ['a header over the limit of 16 kB', raw('GET /', [`X: ${'x'.repeat(20_000)}`]), 431],
    ['an expectation', raw('GET /', ['Expect: miracles']), 417],
    ['two hosts', raw('GET /', ['Host: other']), 400],
    ['an invalid host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ])('is rejected in JSON where it is no valid request: %s', async (_, bytes, status) => {
    const answer = await exchange(bytes);
    expect(answer).toMatchObject({ status, type: JSON_TYPE });
    expect(JSON.parse(answer.body!)).toMatchObject({ statusCode: status, message: expect.any(String) });
  });

  it('is counted by its status and the reason', async () => {
    const metrics = await (await fetch(`${odd.url}/metrics`)).text();
    for (const [status, reason] of [
      [400, 'There must be one Host header'],
      [417, 'The only expectation that can be met'],
      [431, 'Header overflow'],
    ]) {
      expect(metrics).toMatch(
        new RegExp(
          `^http_server_rejected_requests_total\\{.*_status_code="${status}",reason="${reason}.*"\\} [1-9]`,
          'm',
        ),
      );
    }
  });

  it('leaves nothing on standard error, nothing but its rejections in the log, and a process that answers', async () => {
    expect((await fetch(`${odd.url}/health/live`)).status).toBe(200);
    expect(odd.service.stderr).toBe('');
    const messages = new Set(odd.service.log.slice(1).map(({ message }) => message));
    expect([...messages]).toEqual(expect.arrayContaining(['Rejected']));
    expect([...messages].filter((message) => !/^(Rejected|More of these were left out)$/.test(message))).toEqual([]);
  });
});

it('a client that trickles its header or its body a byte a second is cut off with a 408', async () => {
  const [header, body] = await Promise.all([Connection.open(port), Connection.open(port)]);
  header.send('GET / HTTP/1.1\r\nX-Slow: ');
  body.send(slow('POST', '/', 1000));
  let sent = 0;
  const trickle = setInterval(() => {
    sent++;
    [header, body].forEach((connection) => connection.send('1'));
  }, 1000);
  const sentAt = async ({ end }: Connection) => end.then(() => sent);
  const [sentOfHeader, sentOfBody] = await Promise.all([sentAt(header), sentAt(body)]);
  clearInterval(trickle);
  // After 10 s and 30 s. With Node's own look every 30 s, that would be up to 40 and 60.
  expect(sentOfHeader).toBeLessThan(25);
  expect(sentOfBody).toBeLessThan(45);
  expect([header.received, body.received]).toEqual([
    expect.stringMatching(/^HTTP\/1\.1 408 /),
    expect.stringMatching(/^HTTP\/1\.1 408 /),
  ]);
  while (service.log.filter((line) => line['status_code'] === 408).length < 2) await delay(10);
}, 90_000);
