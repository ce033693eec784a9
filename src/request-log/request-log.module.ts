import { Module } from '@nestjs/common';
import { PortBindingModule } from 'port-binding/nest';
import { RequestLog } from './request-log.js';

@Module({ imports: [PortBindingModule], providers: [RequestLog] })
export class RequestLogModule {}
