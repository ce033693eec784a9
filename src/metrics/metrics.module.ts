import { Module } from '@nestjs/common';
import { DrainModule } from '../drain/drain.module.js';
import { HttpServerModule } from '../http-server/http-server.module.js';
import { PortBindingModule } from '../port-binding/port-binding.module.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsPort } from './metrics-port.js';
import { Metrics } from './metrics.js';

@Module({
  imports: [DrainModule, HttpServerModule, PortBindingModule],
  providers: [Metrics, MetricsPort],
  controllers: [MetricsController],
})
export class MetricsModule {}
