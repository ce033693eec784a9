import { Module } from '@nestjs/common';
import { PortBindingModule } from 'port-binding/nest';
import { MetricsController } from './metrics.controller.js';
import { MetricsPort } from './metrics-port.js';
import { Metrics } from './metrics.js';

@Module({
  imports: [PortBindingModule],
  providers: [Metrics, MetricsPort],
  controllers: [MetricsController],
})
export class MetricsModule {}
