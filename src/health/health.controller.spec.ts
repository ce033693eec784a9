import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Drain } from 'port-binding/nest';
import { EnvironmentModule } from '../environment.js';
import { HealthModule } from './health.module.js';

const drain = { phase: 'serving' };
let app: INestApplication<Server>;
let bound: AddressInfo;

beforeAll(async () => {
  const module = await Test.createTestingModule({ imports: [EnvironmentModule, HealthModule] })
    .overrideProvider(Drain)
    .useValue(drain)
    .compile();
  app = module.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  bound = app.getHttpServer().address() as AddressInfo;
});

afterAll(() => app.close());

async function health(path: string) {
  const response = await fetch(`http://127.0.0.1:${bound.port}${path}`);
  return {
    status: response.status,
    cacheControl: response.headers.get('Cache-Control'),
    body: (await response.json()) as object,
  };
}

it('reports the address that the socket is bound to, and its port once more at the top', async () => {
  const { status, body } = await health('/health');
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: 'ok', info: { http: { ...bound, status: 'up' } }, port: bound.port });
});

it.each([
  ['ready', 'serving', '/health/ready', 200, { status: 'ok', info: { instance: { status: 'up' } } }],
  ['not ready', 'draining', '/health/ready', 503, { status: 'error', error: { instance: { status: 'down' } } }],
  ['alive', 'serving', '/health/live', 200, { status: 'ok' }],
  ['alive', 'draining', '/health/live', 200, { status: 'ok' }],
  ['healthy', 'draining', '/health', 200, { status: 'ok' }],
])('is %s while %s: GET %s', async (_, phase, path, status, body) => {
  drain.phase = phase;
  const answer = await health(path);
  expect(answer).toMatchObject({ status, body, cacheControl: 'no-store' });
});
