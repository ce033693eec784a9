import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import {
  HttpException,
  Injectable,
  InternalServerErrorException,
  Logger,
  MethodNotAllowedException,
  Module,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { originForm } from './origin-form.js';

const METHODS = 'GET, HEAD, OPTIONS';

export interface PlatformResponse {
  contentType: string;
  body: string;
}

/** @throws {HttpException} the response when it is not 200 */
export type PlatformHandler = (request: IncomingMessage) => PlatformResponse | Promise<PlatformResponse>;

/**
 * Answers the paths that platforms request, in front of Nest and its adapter. So no guard, interceptor, filter, middleware,
 * prefix or version of the application changes them.
 */
@Injectable()
export class PlatformRoutes implements OnModuleInit {
  private readonly logger = new Logger(PlatformRoutes.name);
  private readonly handlers = new Map<string, PlatformHandler>();

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  /** Answers GET and HEAD for this path, such as `/health/ready`. */
  get(path: string, handler: PlatformHandler): void {
    this.handlers.set(path, handler);
  }

  onModuleInit(): void {
    const server: Server = this.adapterHost.httpAdapter.getHttpServer();
    const listeners = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      // Match as Express does: any form of target, with or without a trailing slash or a query.
      const path = originForm(request)?.replace(/\/?(\?.*)?$/, '') ?? '';
      const handler = this.handlers.get(path);
      if (handler === undefined) {
        for (const listener of listeners) listener.call(server, request, response);
      } else {
        Object.assign(request, { route: { path } }); // for the log and the metrics, as Express does
        void this.respond(handler, request, response);
      }
    });
  }

  /** Answers GET, HEAD and OPTIONS, and no other method. */
  async respond(handler: PlatformHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, { Allow: METHODS }).end();
      return;
    }
    const { contentType, body } = await this.call(handler, request, response).catch((error: unknown) => {
      if (!(error instanceof HttpException)) this.logger.error(error);
      const exception = error instanceof HttpException ? error : new InternalServerErrorException();
      response.statusCode = exception.getStatus();
      return json(exception.getResponse());
    });
    response.setHeader('Content-Type', contentType).setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Length', Buffer.byteLength(body)).end(body);
  }

  private async call(handler: PlatformHandler, request: IncomingMessage, response: ServerResponse) {
    if (request.method === 'GET' || request.method === 'HEAD') return handler(request);
    response.setHeader('Allow', METHODS);
    throw new MethodNotAllowedException(`Cannot ${request.method} ${request.url}`);
  }
}

/** Import it where `PlatformRoutes` is injected. */
@Module({ providers: [PlatformRoutes], exports: [PlatformRoutes] })
export class PlatformModule {}

/** A response in JSON. */
export function json(body: object | string): PlatformResponse {
  return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(body) };
}
