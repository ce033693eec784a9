import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Connections, type RejectedRequest } from './connections/connections.js';
import { applyBounds } from './overload/bounds.js';
import { FairAccept } from './overload/fair-accept.js';
import { rejectInvalidRequests, rejectionOf } from './rejection.js';

let server: Server;
let rejected: RejectedRequest[];

beforeEach(async () => {
  rejected = [];
  const connections = new Connections();
  connections.on('rejected', (request) => rejected.push(request));
  const fairAccept = new FairAccept(connections);
  server = createServer({ headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 10 });
  connections.observe(server);
  server.on('request', (request, response) => {
    if (!connections.requestArrived(response)) return;
    fairAccept.requestArrived(connections.of(request.socket)!);
    request.resume().on('end', () => response.end('done'));
  });
  rejectInvalidRequests(server, connections, fairAccept);
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function send(bytes: string): Promise<string> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  client.write(bytes);
  let received = '';
  for await (const text of client) received += text as string;
  return received;
}

it.each([
  ['a header over 16 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
])('answers what is no request in JSON, with the reason, and reports it: %s', async (_, bytes, status) => {
  const [head, body] = (await send(bytes)).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} .*\\r\\nConnection: close`));
  expect(JSON.parse(body!)).toMatchObject({ statusCode: status, message: expect.any(String) });
  expect(rejected).toMatchObject([{ status, reason: expect.any(String) }]);
});

it('answers the requests that came before, and then closes', async () => {
  expect(await send('GET / HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 .*done$/s);
  expect(rejected).toMatchObject([{ status: 400 }]);
});

it('answers a request whose body turns out to be invalid, and leaves nobody waiting for the rest of it', async () => {
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  expect(await send(`${head}no size\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
});

it.each([
  ['whole', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 200],
  ['with half of a header', 'GET / HTTP/1.1\r\nHost: a\r\n', 408],
  ['with half of a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na', 408],
])('answers what came in time, though the server reads it too late: a request %s', async (_, bytes, status) => {
  server.on('connection', (socket) => process.nextTick(() => socket.pause())); // just after Node starts to read
  expect(await send(bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

it('answers a request whose body came in time, though the server reads the end of it too late', async () => {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  server.on('request', ({ socket }) => {
    setImmediate(() => {
      socket.pause();
      client.write('b');
    });
  });
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na');
  const [answer] = (await once(client, 'data')) as [string];
  expect(answer).toMatch(/^HTTP\/1\.1 200 .*done$/s);
  client.destroy();
});

it('limits the time of a body whose header came in two parts, of which the server read the second too late', async () => {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  server.on('connection', (socket) => {
    const wait = setInterval(() => {
      if (socket.bytesRead === 0) return;
      clearInterval(wait);
      socket.pause();
      client.write('Host: a\r\nContent-Length: 2\r\n\r\na');
    }, 1);
  });
  client.write('POST / HTTP/1.1\r\n');
  const [answer] = (await once(client, 'data')) as [string];
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  client.destroy();
});

it.each([
  [undefined, '1.0', [], undefined],
  [undefined, '1.1', [], 400],
  ['a', '1.1', ['Host', 'a'], undefined],
  ['', '1.1', ['host', ''], undefined],
  ['[::1]:80', '1.1', ['HOST', '[::1]:80'], undefined],
  ['a b', '1.1', ['Host', 'a b'], 400],
  ['a', '1.1', ['Host', 'a', 'Host', 'b'], 400],
])('wants one valid Host, but in HTTP/1.0: %j in %s', (host, httpVersion, rawHeaders, status) => {
  const headers = host === undefined ? {} : { host };
  expect(rejectionOf({ headers, httpVersion, rawHeaders } as never)?.status).toBe(status);
});

it.each([
  ['100-continue', undefined],
  ['miracles', 417],
])('meets no expectation but 100-continue: %s', (expectation, status) => {
  const request = { headers: { host: 'a', expect: expectation }, httpVersion: '1.1', rawHeaders: ['Host', 'a'] };
  expect(rejectionOf(request as never)?.status).toBe(status);
});

it('lets the bounds count what Node would answer by itself', async () => {
  const other = createServer((_, response) => response.end());
  applyBounds(other, {}, { warn: jest.fn() });
  const request = jest.fn();
  other.prependListener('request', request);
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const client = connect((other.address() as AddressInfo).port, '127.0.0.1').resume();
  client.write('GET / HTTP/1.1\r\n\r\n');
  await once(client, 'close');
  expect(request).toHaveBeenCalledTimes(1);
  other.close();
});
