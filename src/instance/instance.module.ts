import { Module } from '@nestjs/common';
import { PortBindingModule } from 'port-binding/nest';
import { InstanceController } from './instance.controller.js';

@Module({ imports: [PortBindingModule], controllers: [InstanceController] })
export class InstanceModule {}
