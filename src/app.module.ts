import { Module } from '@nestjs/common';
import { EnvironmentModule } from './environment.js';
import { HealthModule } from './health/health.module.js';
import { InstanceModule } from './instance/instance.module.js';
import { PortBindingModule } from './port-binding/port-binding.module.js';

@Module({ imports: [EnvironmentModule, PortBindingModule, HealthModule, InstanceModule] })
export class AppModule {}
