import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Controller, Get, type INestApplication, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { serve } from 'port-binding/nest';

@Controller('broken')
class BrokenController {
  @Get()
  fail() {
    throw new Error('boom');
  }
}

@Module({ controllers: [BrokenController] })
class BrokenModule {}

let app: INestApplication;
let url: string;

beforeEach(async () => {
  jest.spyOn(Logger.prototype, 'log').mockReturnValue();
  jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  const { AppModule } = await import('./app.module.js');
  app = await NestFactory.create({ module: AppModule, imports: [BrokenModule] }, { logger: ['fatal'] });
  const { port } = await serve(app, { port: 0 });
  url = `http://127.0.0.1:${port}`;
});

afterEach(async () => {
  await app.close();
  jest.restoreAllMocks();
});

it('answers 500 for a handler that throws, and goes on', async () => {
  const response = await fetch(`${url}/broken`);
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ statusCode: 500, message: 'Internal server error' });
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
});

it('takes no more requests when the application is closed', async () => {
  await app.close();
  await expect(fetch(url)).rejects.toThrow('fetch failed');
});
