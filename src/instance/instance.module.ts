import { Module } from '@nestjs/common';
import { DrainModule } from '../drain/drain.module.js';
import { PortBindingModule } from '../port-binding/port-binding.module.js';
import { InstanceController } from './instance.controller.js';

@Module({ imports: [DrainModule, PortBindingModule], controllers: [InstanceController] })
export class InstanceModule {}
