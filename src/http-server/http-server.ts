import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import {
  BadRequestException,
  type HttpException,
  Injectable,
  NotFoundException,
  type OnApplicationBootstrap,
  type OnModuleInit,
  ServiceUnavailableException,
} from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { HttpAdapterHost } from '@nestjs/core';
import type { Request, Response } from 'express';
import { Connections } from '../connections/connections.js';
import { Turn } from '../connections/turn.js';
import type { Environment } from '../environment.js';
import { Capacity } from './capacity.js';
import { originForm } from './request-target.js';

/** The server below Nest: its time-outs, and the way that every request takes before it gets to Express. */
@Injectable()
export class HttpServer implements OnApplicationBootstrap, OnModuleInit {
  connections!: Connections;
  private capacity!: Capacity;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly config: ConfigService<Environment, true>,
  ) {}

  onModuleInit(): void {
    const server = this.server;
    server.keepAliveTimeout = this.config.get('KEEP_ALIVE_TIMEOUT_MS', { infer: true });
    // A request arrives whole within these times or its connection is closed (408), however slowly it trickles: 10 s
    // for a header is generous, and 30 s is when a router in front gives up (Heroku's H12).
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    this.connections = new Connections(server);
    this.capacity = new Capacity(server, this.connections, this.config.get('MAX_CONNECTIONS', { infer: true }));
    // By then all that wants the server's requests has said so: socket.io puts itself before Express.
    server.once('listening', () => this.standInFront(server));
  }

  onApplicationBootstrap(): void {
    // What Nest leaves to Express, as it does outside of a global prefix, would be answered in HTML.
    this.adapterHost.httpAdapter.use(({ method, originalUrl }: Request, response: Response) => {
      const error = new NotFoundException(`Cannot ${method} ${originalUrl}`);
      response.status(error.getStatus()).json(error.getResponse());
    });
  }

  /** Takes no more connections. Those that are open stay so. */
  closePort(): void {
    this.server.close();
  }

  private standInFront(server: Server): void {
    const turn = new Turn(this.connections);
    const listeners = server.listeners('request');
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      if (admit(request, response)) for (const each of listeners) each.call(server, request, response);
    };
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      if (!this.connections.begin(response)) return;
      turn.takes();
      if (!this.capacity.admits(request)) return this.turnAway(response);
      // In a drain a turn later: by then the parser has shown what else is in the same segment, and only the last
      // answer may say close.
      if (this.connections.closing) setImmediate(handle, request, response);
      else handle(request, response);
    });
    for (const event of ['upgrade', 'connect']) {
      if (server.listenerCount(event) > 0) {
        server.prependListener(event, ({ socket }: IncomingMessage) => this.connections.upgrade(socket));
      }
    }
  }

  private turnAway(response: ServerResponse): void {
    if (response.req.socket.destroyed) return;
    this.connections.closeBehind(response);
    answer(response.setHeader('Retry-After', '1'), new ServiceUnavailableException('At capacity'));
  }

  private get server(): Server {
    return this.adapterHost.httpAdapter.getHttpServer();
  }
}

/** Makes of a request what Express understands, or answers it when that is not possible. */
function admit(request: IncomingMessage, response: ServerResponse): boolean {
  const { method, headers } = request;
  const target = originForm(request);
  if (target === undefined) {
    answer(response, new BadRequestException('Invalid request target'));
    return false;
  }
  request.url = target;
  // "Only if there is nothing" is for those who write. Who reads would get a 304 from Express, a health check too.
  if ((method === 'GET' || method === 'HEAD') && headers['if-none-match'] === '*') delete headers['if-none-match'];
  return true;
}

/** As Nest would, for what does not get there. */
function answer(response: ServerResponse, error: HttpException): void {
  response.statusCode = error.getStatus();
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(error.getResponse()));
}
