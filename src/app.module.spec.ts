import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Logger,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { TerminationSignal } from './termination.js';

const events: string[] = [];
let answer: () => void;
let asked: Promise<void>;

/** What somebody's own feature may be: a request that takes its time, and a resource that it needs all the while. */
@Injectable()
class Resource implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
  onModuleDestroy = () => events.push('onModuleDestroy');
  beforeApplicationShutdown = () => events.push('beforeApplicationShutdown');
  onApplicationShutdown = () => events.push('onApplicationShutdown');
}

let ask: () => void;

@Controller('feature')
class FeatureController {
  @Get('slow')
  async slow() {
    ask();
    await new Promise<void>((done) => (answer = done));
    events.push('answer');
    return { done: true };
  }

  @Get('broken')
  broken() {
    throw new Error('boom');
  }
}

@Module({ providers: [Resource], controllers: [FeatureController] })
class FeatureModule {}

let app: INestApplication<Server>;
let url: string;

beforeEach(async () => {
  events.length = 0;
  asked = new Promise((done) => (ask = done));
  jest.spyOn(Logger.prototype, 'log').mockReturnValue();
  jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  process.env['DRAIN_DELAY_MS'] = '50'; // read while the module loads
  const { AppModule } = await import('./app.module.js');
  app = await NestFactory.create({ module: AppModule, imports: [FeatureModule] }, { logger: ['fatal'] });
  await app.listen(0);
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
});

afterEach(() => {
  jest.restoreAllMocks();
});

async function close(signal: TerminationSignal): Promise<void> {
  const { Drain } = await import('./drain/drain.js');
  app.get(Drain).begin(signal);
  await app.close();
  app.get(Drain).end();
}

it.each(['SIGTERM', 'SIGINT'] as const)(
  'lets a feature keep its resources until the last request is answered (%s)',
  async (signal) => {
    const response = fetch(`${url}/feature/slow`);
    await asked;
    const closed = close(signal);
    answer();
    expect(await (await response).json()).toEqual({ done: true });
    await closed;
    expect(events).toEqual(['answer', 'onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown']);
  },
);

it('answers 500 for a handler that throws, and goes on', async () => {
  const response = await fetch(`${url}/feature/broken`);
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ statusCode: 500, message: 'Internal server error' });
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  await app.close();
});

it('closes without a drain delay when no signal asks for one', async () => {
  await app.close();
  await expect(fetch(url)).rejects.toThrow('fetch failed');
});
