import { once } from 'node:events';
import { type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Connections } from './connections.js';

/** More than the kernel holds on the way: the client is still sending when the answer comes. */
const BODY = Buffer.alloc(8 * 1024 * 1024);

let server: Server;
let client: Socket;
let received: string;
let end: Promise<string>;
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  answer = (response) => response.setHeader('Connection', 'close').end('done');
  server = createServer();
  const connections = new Connections();
  connections.observe(server);
  server.on('request', (_, response) => connections.requestArrived(response) && answer(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  received = '';
  let reason = 'closed';
  client.on('data', (text: string) => (received += text));
  client.on('error', (error: NodeJS.ErrnoException) => (reason = error.code ?? error.message));
  end = new Promise((done) => client.on('close', () => done(reason)));
});

afterEach(() => {
  jest.restoreAllMocks();
  client.destroy();
  server.closeAllConnections();
  server.close();
});

const post = (headers: string) => `POST / HTTP/1.1\r\nHost: test\r\n${headers}\r\n\r\n`;

describe('an answer to a request whose body nobody reads', () => {
  it.each([
    ['with a length', `Content-Length: ${BODY.length}`, [BODY]],
    ['in chunks', 'Transfer-Encoding: chunked', [`${BODY.length.toString(16)}\r\n`, BODY, '\r\n0\r\n\r\n']],
  ])('arrives whole, and then the end, without a reset: a body %s', async (_, headers, body) => {
    client.write(post(headers));
    for (const part of body) client.write(part);
    expect(await end).toBe('closed');
    expect(received).toMatch(/\r\n\r\ndone$/);
    expect(client.bytesWritten).toBeGreaterThan(BODY.length);
  });

  it('arrives although a handler has read a part and stopped', async () => {
    answer = (response) =>
      response.req.once('data', () => {
        response.req.pause();
        response.setHeader('Connection', 'close').end('done');
      });
    client.write(post(`Content-Length: ${BODY.length}`));
    client.write(BODY);
    expect(await end).toBe('closed');
    expect(received).toMatch(/\r\n\r\ndone$/);
  });

  it('arrives when it was the client that asked to close', async () => {
    answer = (response) => response.end('done');
    client.write(`POST / HTTP/1.0\r\nContent-Length: ${BODY.length}\r\n\r\n`);
    client.write(BODY);
    expect(await end).toBe('closed');
    expect(received).toMatch(/\r\n\r\ndone$/);
  });

  it('arrives when the answer before was the last on the connection', async () => {
    answer = (response) => {
      if (response.req.method === 'GET') answer = () => response.setHeader('Connection', 'close').end('done');
      if (response.req.method === 'POST') answer(response);
    };
    client.write(`GET / HTTP/1.1\r\nHost: test\r\n\r\n${post(`Content-Length: ${BODY.length}`)}`);
    client.write(BODY);
    expect(await end).toBe('closed');
    expect(received).toMatch(/\r\n\r\ndone$/);
  });
});

it('closes without lingering where nothing is left to be read', async () => {
  client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
  const before = performance.now();
  expect(await end).toBe('closed');
  expect(received).toMatch(/\r\n\r\ndone$/);
  expect(performance.now() - before).toBeLessThan(5_000); // what it lingers at the least where something is
});

describe('a client that never ends', () => {
  it('is let go of when it has sent nothing for five seconds', async () => {
    client.write(post('Content-Length: 2'));
    expect(await end).toBe('closed');
    expect(received).toMatch(/\r\n\r\ndone$/);
  });

  it('is let go of when it has sent for half a minute', async () => {
    client.write(post('Content-Length: 1000'));
    await once(client, 'data');
    const now = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(now + 30_001);
    expect(await end).toBe('closed');
  });

  it('is let go of when it has sent 64 MiB', async () => {
    client.write(post(`Content-Length: ${2 ** 40}`));
    const send = () => {
      while (client.writable && client.write(BODY));
    };
    client.on('drain', send);
    send();
    expect(await end).toMatch(/ECONNRESET|EPIPE|closed/);
    expect(client.bytesWritten).toBeGreaterThan(64 * 1024 * 1024);
  });
});
