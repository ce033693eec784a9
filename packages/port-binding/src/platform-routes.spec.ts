import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { type INestApplication, Logger, Module, ServiceUnavailableException, VersioningType } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { PlatformModule, PlatformRoutes, json } from './platform-routes.js';

/** Denies, replaces and breaks whatever gets to Nest. */
const obstacles = [
  { provide: APP_GUARD, useValue: { canActivate: () => false } },
  { provide: APP_INTERCEPTOR, useValue: { intercept: () => [] } },
  {
    provide: APP_FILTER,
    useValue: {
      catch: () => {
        throw new Error('not an answer');
      },
    },
  },
];

@Module({ imports: [PlatformModule], providers: obstacles })
class AppModule {}

let app: INestApplication<Server>;
let url: string;
const error = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

beforeAll(async () => {
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  app = module.createNestApplication({ logger: false });
  app.setGlobalPrefix('api');
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
  app.use((_request: unknown, response: { sendStatus(status: number): void }) => response.sendStatus(403));
  const routes = app.get(PlatformRoutes);
  routes.get('/probe', ({ headers }) => json({ host: headers.host !== undefined }));
  routes.get('/down', () => Promise.reject(new ServiceUnavailableException({ status: 'error' })));
  routes.get('/broken', () => Promise.reject(new Error('boom')));
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
});

beforeEach(() => void error.mockClear());

afterAll(() => app.close());

it.each(['/probe', '/probe/', '/probe?verbose', '/probe/?verbose'])(
  'answers GET %s although the application denies all requests, with a prefix and versions',
  async (target) => {
    const response = await fetch(url + target);
    expect([response.status, await response.json()]).toEqual([200, { host: true }]);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    expect(response.headers.get('Content-Type')).toBe('application/json; charset=utf-8');
  },
);

it('answers HEAD without a body', async () => {
  const response = await fetch(`${url}/probe`, { method: 'HEAD' });
  expect([response.status, response.headers.get('Content-Length'), await response.text()]).toEqual([200, '13', '']);
});

it('says which methods a path has', async () => {
  const response = await fetch(`${url}/probe`, { method: 'POST' });
  expect([response.status, response.headers.get('Allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  const options = await fetch(`${url}/probe`, { method: 'OPTIONS' });
  expect([options.status, options.headers.get('Allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
});

it('leaves other paths to the application', async () => {
  expect((await fetch(`${url}/probes`)).status).toBe(403);
  expect((await fetch(`${url}/probe/deep`)).status).toBe(403);
});

it('gives the status and body of an HttpException, and logs none', async () => {
  const response = await fetch(`${url}/down`);
  expect([response.status, await response.json()]).toEqual([503, { status: 'error' }]);
  expect(error).not.toHaveBeenCalled();
});

it('logs any other error, and answers 500', async () => {
  const response = await fetch(`${url}/broken`);
  expect([response.status, await response.json()]).toMatchObject([500, { statusCode: 500 }]);
  expect(error).toHaveBeenCalledWith(new Error('boom'));
});
