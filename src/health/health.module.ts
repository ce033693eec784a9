import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { PortBindingModule } from 'port-binding/nest';
import { BoundAddressHealth } from './bound-address.health.js';
import { HealthController } from './health.controller.js';
import { ReadinessHealth } from './readiness.health.js';

@Module({
  // Without a log line for each failed check: a balancer asks every second or two, and a drain is told of once.
  imports: [TerminusModule.forRoot({ logger: false }), PortBindingModule],
  providers: [BoundAddressHealth, ReadinessHealth],
  controllers: [HealthController],
})
export class HealthModule {}
