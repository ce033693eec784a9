import { Module } from '@nestjs/common';
import { HttpServerModule } from '../http-server/http-server.module.js';
import { RequestLog } from './request-log.js';

@Module({ imports: [HttpServerModule], providers: [RequestLog] })
export class RequestLogModule {}
