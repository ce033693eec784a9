import { Module } from '@nestjs/common';
import { DelayController } from './delay.controller.js';

@Module({ controllers: [DelayController] })
export class DelayModule {}
