import { Module } from '@nestjs/common';
import { HttpServer } from './http-server.js';

@Module({ providers: [HttpServer], exports: [HttpServer] })
export class HttpServerModule {}
