import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type Server, createServer } from 'node:http';
import { afterEach, expect, it, jest } from '@jest/globals';
import { serve } from './serve.js';

afterEach(() => {
  process.removeAllListeners('uncaughtExceptionMonitor');
});

const logger = { log: jest.fn(), warn: jest.fn(), error: jest.fn() };

it('serves until close(), which resolves when the last response is out', async () => {
  const service = await serve(
    createServer((_, response) => response.end('ok')),
    { port: 0, host: '127.0.0.1', logger },
  );
  expect(service).toMatchObject({ address: { address: '127.0.0.1', port: expect.any(Number) }, phase: 'serving' });
  expect(await (await fetch(`http://127.0.0.1:${service.address.port}`)).text()).toBe('ok');
  await service.close();
  expect([service.phase, service.closing.aborted]).toEqual(['closed', true]);
  await expect(fetch(`http://127.0.0.1:${service.address.port}`)).rejects.toThrow('fetch failed');
});

it.each([
  ['HTTPS', createHttpsServer()],
  ['HTTP/2', createHttp2Server()],
])('refuses a server of %s', async (_, other) => {
  await expect(serve(other as unknown as Server, { port: 0 })).rejects.toThrow(TypeError);
});
