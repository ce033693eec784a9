import { Module } from '@nestjs/common';
import { PortBindingModule } from 'port-binding/nest';
import { PlatformModule } from '../platform/platform.module.js';
import { MetricsPort } from './metrics-port.js';
import { Metrics } from './metrics.js';

@Module({
  imports: [PlatformModule, PortBindingModule],
  providers: [Metrics, MetricsPort],
})
export class MetricsModule {}
