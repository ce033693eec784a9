import { Controller, Get, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { DELAY_MS, report } from './app.js';
import { AppController, decorate } from './nest-app.js';

class HealthController {
  constructor(health) {
    this.health = health;
  }

  ready() {
    return this.health.check([]);
  }
}

Controller('health')(HealthController);
Inject(HealthCheckService)(HealthController, undefined, 0);
decorate(HealthController, 'ready', HealthCheck());
decorate(HealthController, 'ready', Get('ready'));

class AppModule {}

// After SIGTERM, Terminus answers 503 at the readiness route and holds up the shutdown for this long.
Module({
  imports: [TerminusModule.forRoot({ gracefulShutdownTimeoutMs: DELAY_MS })],
  controllers: [AppController, HealthController],
})(AppModule);

/** Nest with its own means: the shutdown hooks and Terminus. https://docs.nestjs.com/recipes/terminus#graceful-shutdown-timeout */
export async function startNest(options) {
  const app = await NestFactory.create(AppModule, { logger: ['error'], ...options });
  app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true }); // status 0, not the signal again
  await app.listen(process.env.PORT);
  report(app.getHttpServer());
}
