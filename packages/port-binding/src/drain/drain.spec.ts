import { getMaxListeners, once } from 'node:events';
import { type IncomingMessage, type Server, createServer, get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { HttpAdapterHost } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { ENVIRONMENT } from '../../test/support/environment.js';
import { validate } from '../environment.js';
import { HttpServer } from '../http-server/http-server.js';
import { Drain } from './drain.js';

let server: Server;
let drain: Drain;
let log: jest.Spied<Logger['log']>;
let error: jest.Spied<Logger['error']>;
let exited: Promise<number>;

beforeEach(async () => {
  log = jest.spyOn(Logger.prototype, 'log').mockReturnValue();
  error = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  exited = new Promise((done) => {
    jest.spyOn(process, 'exit').mockImplementation((code) => done(Number(code)) as never);
  });
  // Answers at once, but for a request with a body: that is in flight until its body is there.
  server = createServer((request, response) => request.resume().on('end', () => response.end('done')));
  const environment = validate(ENVIRONMENT, { DRAIN_DELAY_MS: '100', SHUTDOWN_TIMEOUT_MS: '1000' });
  const module = await Test.createTestingModule({
    providers: [
      Drain,
      HttpServer,
      { provide: HttpAdapterHost, useValue: { httpAdapter: { getHttpServer: () => server, use: () => undefined } } },
      { provide: ConfigService, useValue: new ConfigService({ ...environment }) },
    ],
  }).compile();
  await module.init();
  drain = module.get(Drain);
  log.mockClear();
  await once(server.listen(0), 'listening');
});

afterEach(() => {
  drain.end();
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

/** A request that is in flight until `2` is written. */
async function inFlight() {
  const busy = connect(port(), '127.0.0.1').setEncoding('utf8');
  const request = once(server, 'request');
  busy.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n1');
  await request;
  return busy;
}

it('tells the client to close from the signal on, and not before', async () => {
  expect(drain.phase).toBe('serving');
  expect(await connectionHeader()).toBe('keep-alive');
  drain.begin('SIGTERM');
  expect(drain.phase).toBe('draining');
  expect(await connectionHeader()).toBe('close');
});

it('waits for the drain delay and the answers in flight, counts them, and waits for nothing else', async () => {
  const idle = connect(port(), '127.0.0.1');
  const busy = await inFlight();
  const ended = Promise.all([once(idle, 'close'), once(busy, 'close')]);

  drain.begin('SIGTERM');
  const run = drain.run();
  log.mockImplementation((message) => {
    if (String(message).startsWith('Stopped')) busy.write('2');
  });
  const [answer] = (await once(busy, 'data')) as [string];
  await run;
  await ended;

  expect([drain.phase, drain.end()]).toEqual(['closed', true]);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/);
  expect(log.mock.calls).toEqual([
    ['SIGTERM: draining', { drainDelayMs: 100, inFlight: 1 }],
    ['Stopped accepting connections', { afterMs: expect.any(Number), inFlight: 1 }],
    ['Done: every request is answered', { afterMs: expect.any(Number), answered: 1 }],
  ]);
});

it('tells features to end what has no end when the port closes, and not before', async () => {
  const phases: string[] = [];
  drain.closing.addEventListener('abort', () => phases.push(drain.phase));
  drain.begin('SIGTERM');
  expect(drain.closing.aborted).toBe(false);
  await drain.run();
  expect(phases).toEqual(['closing']);
});

it('takes any number of open streams that listen for that, and suspects no leak', () => {
  expect(getMaxListeners(drain.closing)).toBe(Infinity);
});

it('runs without a delay when it was not a signal that began it', async () => {
  await drain.run();
  expect(log.mock.calls).toEqual([['Stopped accepting connections', { afterMs: expect.any(Number), inFlight: 0 }]]);
});

it.each([
  ['unanswered requests (1)', 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n1'],
  ['unfinished answers (1)', 'POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n1'],
])('ends the process at the shutdown timeout and tells what that cost: %s', async (cost, sent) => {
  server.prependListener('request', ({ url }, response) => {
    if (url === '/early') response.flushHeaders();
  });
  const busy = connect(port(), '127.0.0.1').on('error', () => undefined);
  const request = once(server, 'request');
  busy.write(sent);
  await request;
  drain.begin('SIGINT');
  void drain.run();
  expect(await exited).toBe(1);
  expect(error.mock.calls).toEqual([
    [`Shutdown timeout, cut off: ${cost}`, { afterMs: expect.any(Number), inFlight: 1 }],
  ]);
});

it('ends the process at the shutdown timeout when nothing but a shutdown hook is left', async () => {
  drain.begin('SIGINT');
  await drain.run();
  expect(await exited).toBe(1); // this test has no hook that would end the process
  expect(error.mock.calls).toEqual([
    ['Shutdown timeout, cut off: shutdown hooks', { afterMs: expect.any(Number), inFlight: 0 }],
  ]);
});
