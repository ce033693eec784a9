import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { PortBindingModule } from '../port-binding/port-binding.module.js';
import { BoundAddressHealth } from './bound-address.health.js';
import { HealthController } from './health.controller.js';

@Module({
  // Without a log line for each failed check: a balancer asks every second or two, and a drain is told of once.
  imports: [TerminusModule.forRoot({ logger: false }), PortBindingModule],
  providers: [BoundAddressHealth],
  controllers: [HealthController],
})
export class HealthModule {}
