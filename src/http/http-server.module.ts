import { Module, NotFoundException, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { HttpAdapterHost } from '@nestjs/core';
import type { Request, Response } from 'express';
import type { Environment } from '../environment.js';
import { methodNotAllowed } from './method-not-allowed.js';

/** The server below Nest: its timeouts, and its answers where no route matches. */
@Module({})
export class HttpServerModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly config: ConfigService<Environment, true>,
  ) {}

  onModuleInit(): void {
    const server = this.adapterHost.httpAdapter.getHttpServer();
    server.keepAliveTimeout = this.config.get('KEEP_ALIVE_TIMEOUT_MS', { infer: true });
    // A request arrives whole within these times, or its connection is closed (408), however slowly it trickles. For a
    // header 10 s is generous; 30 s is when a router in front gives up (Heroku's H12).
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    // By now Nest has registered all routes, but not its own 404.
    this.adapterHost.httpAdapter.use(methodNotAllowed);
  }

  onApplicationBootstrap(): void {
    // Outside of a global prefix, Nest leaves this to Express, which would answer in HTML.
    this.adapterHost.httpAdapter.use(({ method, originalUrl }: Request, response: Response) => {
      const error = new NotFoundException(`Cannot ${method} ${originalUrl}`);
      response.status(error.getStatus()).json(error.getResponse());
    });
  }
}
