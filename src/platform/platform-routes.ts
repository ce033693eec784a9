import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import {
  HttpException,
  Injectable,
  InternalServerErrorException,
  Logger,
  MethodNotAllowedException,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { originForm } from '../http/request-target.js';

export interface PlatformResponse {
  contentType: string;
  body: string;
}

/** @throws {HttpException} the response when it is not 200 */
export type PlatformHandler = (request: IncomingMessage) => PlatformResponse | Promise<PlatformResponse>;

/**
 * The paths that platforms ask. They are answered in front of Nest and its adapter, because platforms need their answer
 * whatever a fork adds: guards, interceptors, filters, middleware, a prefix, versions, a fallback page, Fastify.
 */
@Injectable()
export class PlatformRoutes implements OnModuleInit {
  private readonly logger = new Logger(PlatformRoutes.name);
  private readonly handlers = new Map<string, PlatformHandler>();

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  get(path: string, handler: PlatformHandler): void {
    this.handlers.set(path, handler);
  }

  onModuleInit(): void {
    const server: Server = this.adapterHost.httpAdapter.getHttpServer();
    const listeners = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      // As Express takes it: in any form, with or without a slash or a query at its end.
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

  private async respond(handler: PlatformHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
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
    response.setHeader('Allow', 'GET, HEAD');
    throw new MethodNotAllowedException(`Cannot ${request.method} ${request.url}`);
  }
}

/** A response in JSON. */
export function json(body: object | string): PlatformResponse {
  return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(body) };
}
