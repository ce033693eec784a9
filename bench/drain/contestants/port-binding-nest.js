import { Controller, Get, HttpCode, Inject, Module, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Drain, PortBindingModule, serve } from 'port-binding/nest';
import { DELAY_MS, TIMEOUT_MS, report } from '../app.js';
import { AppController, decorate } from '../nest-app.js';

class HealthController {
  constructor(drain) {
    this.drain = drain;
  }

  ready() {
    if (this.drain.phase !== 'serving') throw new ServiceUnavailableException();
  }
}

Controller('health')(HealthController);
Inject(Drain)(HealthController, undefined, 0);
decorate(HealthController, 'ready', Get('ready'));
decorate(HealthController, 'ready', HttpCode(200));

class AppModule {}

Module({ imports: [PortBindingModule], controllers: [AppController, HealthController] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error'] });
await serve(app, {
  port: Number(process.env.PORT),
  drainDelayMs: DELAY_MS,
  shutdownTimeoutMs: DELAY_MS + TIMEOUT_MS,
});
report(app.getHttpServer());
