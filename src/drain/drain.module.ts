import { Module } from '@nestjs/common';
import { HttpServerModule } from '../http-server/http-server.module.js';
import { Drain } from './drain.js';

@Module({ imports: [HttpServerModule], providers: [Drain], exports: [Drain] })
export class DrainModule {}
