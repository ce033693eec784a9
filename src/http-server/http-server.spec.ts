import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { ConfigService } from '@nestjs/config';
import { HttpAdapterHost } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { ENVIRONMENT } from '../../test/support/environment.js';
import { validate } from '../environment.js';
import { HttpServer } from './http-server.js';

let server: Server;
let httpServer: HttpServer;

beforeEach(async () => {
  // As Express does for what it does not know: it answers at once.
  server = createServer(({ url }, response) => response.end(url));
  const module = await Test.createTestingModule({
    providers: [
      HttpServer,
      { provide: HttpAdapterHost, useValue: { httpAdapter: { getHttpServer: () => server, use: () => undefined } } },
      {
        provide: ConfigService,
        useValue: new ConfigService({ ...validate(ENVIRONMENT, { KEEP_ALIVE_TIMEOUT_MS: '1234' }) }),
      },
    ],
  }).compile();
  await module.init();
  httpServer = module.get(HttpServer);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function send(...requests: string[]): Promise<string> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  client.write(requests.join(''));
  let received = '';
  for await (const text of client) received += text as string;
  return received;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;
const last = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`;

it('limits the times of connections', () => {
  expect(server).toMatchObject({ keepAliveTimeout: 1234, headersTimeout: 10_000, requestTimeout: 30_000 });
});

it('sees every request before whatever listens to the server, and hands it on', async () => {
  server.on('request', ({ url }) => seen.push([url, httpServer.connections.inFlight]));
  const seen: unknown[] = [];
  expect(await send(last('/a'))).toMatch(/\/a$/);
  expect(seen).toEqual([['/a', 1]]);
});

it('in a drain answers all that came in one segment, though each of them at once, and only the last with the close', async () => {
  httpServer.connections.announceClose();
  const answers = (await send(get('/a'), get('/b'), get('/c'))).split(/(?=HTTP\/1.1)/);
  expect(answers.map((answer) => [/\/\w$/.exec(answer)?.[0], /Connection: close/.test(answer)])).toEqual([
    ['/a', false],
    ['/b', false],
    ['/c', true],
  ]);
});

it('lets go of a connection that is upgraded', async () => {
  server.on('upgrade', (_, socket) => socket.end(`upgraded: ${httpServer.connections.upgraded}`));
  const upgrade = 'GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n';
  expect(await send(upgrade)).toBe('upgraded: 1');
});

it('answers a request to upgrade as any other where nobody takes it over', async () => {
  expect(await send('GET /a HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, close\r\nUpgrade: test\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 200 .*\/a$/s,
  );
});
