import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { PlatformModule, PortBindingModule } from 'port-binding/nest';
import { HealthController } from './health.controller.js';
import { Probes } from './probes.js';

@Module({
  // A failed check has no log line: a balancer asks every second or two, and the drain has its own line.
  imports: [TerminusModule.forRoot({ logger: false }), PlatformModule, PortBindingModule],
  providers: [Probes],
  controllers: [HealthController],
})
export class HealthModule {}
