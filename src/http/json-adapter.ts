import { IncomingMessage, type RequestListener, ServerResponse, createServer } from 'node:http';
import { type NestApplicationOptions, StreamableFile } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { prepareForExpress } from './request-target.js';
import type { NextFunction, Request, RequestHandler, Response } from 'express';

/** Statuses whose answers Express strips of what tells of a body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * Nest's adapter for Express, for a service whose answers are JSON: an object is written as it is, where Express looks up
 * types, charsets and settings for each. What is not that simple goes Express' way. The answers are the same; what there
 * is no more is Express' settings for JSON, such as `json spaces`, and its ETags.
 */
export class JsonAdapter extends ExpressAdapter {
  constructor() {
    super();
    this.disable('x-powered-by');
    this.disable('etag');
  }

  /** A server whose requests and responses are Express' from birth: making them so one by one costs V8 dear. */
  override initHttpServer(options: NestApplicationOptions): void {
    if (options.httpsOptions || options.forceCloseConnections || options.return503OnClosing) {
      return super.initHttpServer(options);
    }
    const app = this.getInstance<{ request: object; response: object } & RequestListener>();
    class BornRequest extends IncomingMessage {}
    class BornResponse extends ServerResponse {}
    app.request = Object.setPrototypeOf(BornRequest.prototype, app.request) as object;
    app.response = Object.setPrototypeOf(BornResponse.prototype, app.response) as object;
    this.httpServer = createServer(
      {
        IncomingMessage: BornRequest,
        ServerResponse: BornResponse,
        // Node looks for connections past their timeouts every 30 s by default: a limit of 10 s would fire after up to 40 s.
        connectionsCheckingInterval: 1000,
      },
      (request, response) => prepareForExpress(request, response) && app(request, response),
    );
  }

  /** Nest's parsers, but only for a request that has a body: that it has none, each of them takes long to see. */
  override registerParserMiddleware(prefix?: string, rawBody?: boolean): void {
    const parsers: RequestHandler[] = [];
    const collector = Object.create(this, { use: { value: (parser: RequestHandler) => parsers.push(parser) } }) as this;
    super.registerParserMiddleware.call(collector, prefix, rawBody);
    const parse = parsers.reduceRight<RequestHandler>(
      (others, parser) => (request, response, next) =>
        parser(request, response, (error?: unknown) => (error ? next(error) : others(request, response, next))),
      (_request, _response, next) => next(),
    );
    this.use((request: Request, response: Response, next: NextFunction) => {
      const { headers } = request;
      return 'content-length' in headers || 'transfer-encoding' in headers ? parse(request, response, next) : next();
    });
  }

  override reply(response: Response, body: unknown, statusCode?: number): unknown {
    const json = isSimple(response, body, statusCode) ? (JSON.stringify(body) as string | undefined) : undefined;
    if (json === undefined) return super.reply(response, body, statusCode);
    if (statusCode !== undefined) response.status(statusCode);
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.setHeader('Content-Length', Buffer.byteLength(json));
    return response.end(json);
  }
}

function isSimple(response: Response, body: unknown, statusCode = response.statusCode): boolean {
  const { headers } = response.req;
  return (
    typeof body === 'object' &&
    body !== null &&
    !(body instanceof StreamableFile || body instanceof Error) &&
    !WITHOUT_BODY.has(statusCode) &&
    !response.hasHeader('Content-Type') &&
    !response.hasHeader('Transfer-Encoding') &&
    !('if-none-match' in headers || 'if-modified-since' in headers)
  );
}
