import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { PortBindingModule } from 'port-binding/nest';
import { PlatformModule } from '../platform/platform.module.js';
import { BoundAddressHealth } from './bound-address.health.js';
import { HealthController } from './health.controller.js';
import { Probes } from './probes.js';
import { ReadinessHealth } from './readiness.health.js';

@Module({
  // A failed check has no log line: a balancer asks every second or two, and the drain has its own line.
  imports: [TerminusModule.forRoot({ logger: false }), PlatformModule, PortBindingModule],
  providers: [BoundAddressHealth, Probes, ReadinessHealth],
  controllers: [HealthController],
})
export class HealthModule {}
