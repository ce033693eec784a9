import { Module } from '@nestjs/common';
import { PortBindingModule } from '../port-binding/port-binding.module.js';
import { InstanceController } from './instance.controller.js';

@Module({ imports: [PortBindingModule], controllers: [InstanceController] })
export class InstanceModule {}
