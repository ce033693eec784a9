import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Global,
  type INestApplication,
  Injectable,
  Logger,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Drain, PortBinding, PortBindingModule, serve } from './nest.js';

const events: string[] = [];
let respond: () => void;
let asked: Promise<void>;
let ask: () => void;

/** What requests need until the last one has its response. */
@Injectable()
class Resource implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
  onModuleDestroy = () => events.push('onModuleDestroy');
  beforeApplicationShutdown = () => events.push('beforeApplicationShutdown');
  onApplicationShutdown = () => events.push('onApplicationShutdown');
}

@Controller('slow')
class SlowController {
  @Get()
  async answer() {
    ask();
    await new Promise<void>((done) => (respond = done));
    events.push('response');
    return { done: true };
  }
}

@Global()
@Module({ providers: [Resource], controllers: [SlowController] })
class ResourceModule {}

/** The root module, which Nest would destroy first. */
@Module({ imports: [ResourceModule, PortBindingModule] })
class AppModule implements OnModuleDestroy {
  onModuleDestroy(): void {
    events.push('root onModuleDestroy');
  }
}

const ENDED = [
  'response',
  'root onModuleDestroy',
  'onModuleDestroy',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
];

let app: INestApplication;
let exit: jest.Spied<typeof process.exit>;
let exited: Promise<number>;

beforeEach(async () => {
  events.length = 0;
  asked = new Promise((done) => (ask = done));
  exited = new Promise((done) => {
    exit = jest.spyOn(process, 'exit').mockImplementation((code) => done(Number(code)) as never);
  });
  jest.spyOn(Logger.prototype, 'log').mockReturnValue();
  app = await NestFactory.create(AppModule, { logger: false });
});

afterEach(async () => {
  await app.close();
  jest.restoreAllMocks();
  process.removeAllListeners('uncaughtExceptionMonitor');
});

const start = () => serve(app, { port: 0, host: '127.0.0.1', drainDelayMs: 0 });

async function inFlight() {
  const { port } = await start();
  const response = fetch(`http://127.0.0.1:${port}/slow`);
  await asked;
  return response.then(async (whole) => [whole.headers.get('connection'), await whole.json()]);
}

it('gives the bound address, and remembers it when the port is closed', async () => {
  const bound = await start();
  expect(bound.port).toBeGreaterThan(0);
  expect(app.get(PortBinding).address).toEqual(bound);
  await app.close();
  expect(app.get(PortBinding).address).toEqual(bound);
});

it('gives the bound address where a test listens without serve()', async () => {
  await app.listen(0);
  expect(app.get(PortBinding).address).toEqual(app.getHttpServer().address());
});

it('drains on a signal, and destroys no module before the last response is out', async () => {
  app.enableShutdownHooks(); // Nest's own, which serve() takes back
  const response = inFlight();
  await asked;
  process.emit('SIGTERM', 'SIGTERM');
  expect(app.get(Drain).phase).toBe('draining');
  respond();
  expect(await response).toEqual(['close', { done: true }]);
  expect(await exited).toBe(0);
  expect(events).toEqual(ENDED);
});

it('drains when the program closes the application, and leaves the process alone', async () => {
  const response = inFlight();
  await asked;
  const closed = app.close();
  while (app.get(Drain).phase === 'serving') await setImmediate();
  respond();
  expect(await response).toEqual(['close', { done: true }]);
  await closed;
  expect(events).toEqual(ENDED);
  expect(exit).not.toHaveBeenCalled();
});
