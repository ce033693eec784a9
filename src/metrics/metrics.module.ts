import { Module } from '@nestjs/common';
import { PlatformModule, PortBindingModule } from 'port-binding/nest';
import { MetricsPort } from './metrics-port.js';
import { Metrics } from './metrics.js';

@Module({
  imports: [PlatformModule, PortBindingModule],
  providers: [Metrics, MetricsPort],
})
export class MetricsModule {}
