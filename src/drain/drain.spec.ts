import { type IncomingMessage, type Server, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { HttpAdapterHost } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { validate } from '../environment.js';
import { Drain } from './drain.js';

let server: Server;
let drain: Drain;
let log: jest.Spied<Logger['log']>;

beforeEach(async () => {
  log = jest.spyOn(Logger.prototype, 'log').mockReturnValue();
  // Answers at once, but for a request with a body: that is in flight until its body is there.
  server = createServer((request, response) => request.resume().on('end', () => response.end('done')));
  const environment = validate({ DRAIN_DELAY_MS: '100', SHUTDOWN_TIMEOUT_MS: '3000', KEEP_ALIVE_TIMEOUT_MS: '1234' });
  const module = await Test.createTestingModule({
    providers: [
      Drain,
      { provide: HttpAdapterHost, useValue: { httpAdapter: { getHttpServer: () => server } } },
      { provide: ConfigService, useValue: new ConfigService({ ...environment }) },
    ],
  }).compile();
  await module.init();
  drain = module.get(Drain);
  log.mockClear();
  await once(server.listen(0), 'listening');
});

afterEach(() => {
  drain.onApplicationShutdown();
  server.closeAllConnections();
  server.close();
  jest.restoreAllMocks();
});

const port = () => (server.address() as AddressInfo).port;

async function connectionHeader(): Promise<string | undefined> {
  const request = get({ port: port(), agent: false, headers: { Connection: 'keep-alive' } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.headers.connection;
}

it('sets the time-outs of connections, all limited', () => {
  expect(server).toMatchObject({ keepAliveTimeout: 1234, headersTimeout: 10_000, requestTimeout: 30_000 });
});

it('tells the client to close from the signal on, and not before', async () => {
  expect(drain.draining).toBe(false);
  expect(await connectionHeader()).toBe('keep-alive');
  drain.begin('SIGTERM');
  expect(drain.draining).toBe(true);
  expect(await connectionHeader()).toBe('close');
});

it('tells so with the last answer of a pipelined pair, as Node drops what comes after the answer that does', async () => {
  drain.begin('SIGTERM');
  const client = connect(port(), '127.0.0.1').setEncoding('utf8');
  let received = '';
  client.on('data', (text: string) => (received += text));
  client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(2));
  await once(client, 'close');
  expect(received.split(/(?=HTTP)/).map((answer) => /Connection: close/.test(answer))).toEqual([false, true]);
});

it('waits for the drain delay and the answers in flight, counts them, and waits for nothing else', async () => {
  const idle = connect(port(), '127.0.0.1');
  const busy = connect(port(), '127.0.0.1').setEncoding('utf8');
  const request = once(server, 'request');
  busy.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n1');
  await request;
  const ended = Promise.all([once(idle, 'close'), once(busy, 'close')]);

  drain.begin('SIGTERM');
  const completed = drain.complete();
  log.mockImplementation((message) => {
    if (String(message).startsWith('Stopped')) busy.write('2');
  });
  const [answer] = (await once(busy, 'data')) as [string];
  await completed;
  await ended;

  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/);
  expect(log.mock.calls).toEqual([
    ['SIGTERM: draining', { drainDelayMs: 100, inFlight: 1 }],
    ['Stopped accepting connections', { afterMs: expect.any(Number), inFlight: 1 }],
    ['Done: every request is answered', { afterMs: expect.any(Number), answered: 1 }],
  ]);
});

it('is complete without a delay when it was not a signal that began it', async () => {
  await drain.complete();
  expect(drain.draining).toBe(true);
  expect(log.mock.calls).toEqual([
    ['Stopped accepting connections', { afterMs: expect.any(Number), inFlight: 0 }],
    ['Done: every request is answered', { afterMs: expect.any(Number), answered: 0 }],
  ]);
});

it('ends the process at the shutdown timeout and tells how many requests that cost', async () => {
  const error = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  const exit = new Promise((exited) => {
    jest.spyOn(process, 'exit').mockImplementation((code) => exited(code) as never);
  });
  const busy = connect(port(), '127.0.0.1').on('error', () => undefined);
  const request = once(server, 'request');
  busy.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n1');
  await request;
  drain.begin('SIGINT');
  void drain.complete();
  expect(await exit).toBe(1);
  expect(error).toHaveBeenCalledWith('Shutdown timeout, requests cut off: 1', {
    afterMs: expect.any(Number),
    inFlight: 1,
  });
});
