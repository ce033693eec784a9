// https://github.com/hienngm/nestjs-graceful-shutdown#example. It has no delay; a hook of Nest that runs before it has one.
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, HttpCode, Module, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GracefulShutdownModule, setupGracefulShutdown } from 'nestjs-graceful-shutdown';
import { DELAY_MS, TIMEOUT_MS, report } from '../app.js';
import { AppController, decorate } from '../nest-app.js';

let ready = true;

class HealthController {
  ready() {
    if (!ready) throw new ServiceUnavailableException();
  }

  async onModuleDestroy() {
    ready = false;
    await delay(DELAY_MS);
  }
}

Controller('health')(HealthController);
decorate(HealthController, 'ready', Get('ready'));
decorate(HealthController, 'ready', HttpCode(200));

class AppModule {}

Module({
  imports: [GracefulShutdownModule.forRoot({ gracefulShutdownTimeout: TIMEOUT_MS })],
  controllers: [AppController, HealthController],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error'] });
setupGracefulShutdown({ app });
await app.listen(process.env.PORT);
report(app.getHttpServer());
