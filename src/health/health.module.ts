import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DrainModule } from '../drain/drain.module.js';
import { PortBindingModule } from '../port-binding/port-binding.module.js';
import { BoundAddressHealth } from './bound-address.health.js';
import { HealthController } from './health.controller.js';
import { ReadinessHealth } from './readiness.health.js';

@Module({
  // Without a log line for each failed check: a balancer asks every second or two, and a drain is told of once.
  imports: [TerminusModule.forRoot({ logger: false }), DrainModule, PortBindingModule],
  providers: [BoundAddressHealth, ReadinessHealth],
  controllers: [HealthController],
})
export class HealthModule {}
