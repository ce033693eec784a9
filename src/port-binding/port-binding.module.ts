import { Module } from '@nestjs/common';
import { PortBinding } from './port-binding.js';

@Module({ providers: [PortBinding], exports: [PortBinding] })
export class PortBindingModule {}
