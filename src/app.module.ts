import { Module } from '@nestjs/common';
import { PortBindingModule } from 'port-binding/nest';
import { DelayModule } from './delay/delay.module.js';
import { EnvironmentModule } from './environment.js';
import { HealthModule } from './health/health.module.js';
import { HttpServerModule } from './http/http-server.module.js';
import { InstanceModule } from './instance/instance.module.js';
import { LoggerModule } from './logger/logger.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { RequestLogModule } from './request-log/request-log.module.js';

@Module({
  imports: [
    EnvironmentModule,
    LoggerModule,
    PortBindingModule,
    HttpServerModule,
    HealthModule,
    InstanceModule,
    MetricsModule,
    RequestLogModule,
    DelayModule,
  ],
})
export class AppModule {}
