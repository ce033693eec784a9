import { IncomingMessage, type RequestListener, ServerResponse, createServer } from 'node:http';
import { type NestApplicationOptions, StreamableFile } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { Response } from 'express';
import { prepareForExpress } from './request-target.js';

/** Statuses whose responses Express strips of the headers that describe a body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * Nest's adapter for Express, for a service that answers in JSON. The responses are the same, header by header, apart from
 * `ETag` and `X-Powered-By`. Express's settings for JSON, such as `json spaces`, have no effect. The comments below give each
 * part's share of the CPU time of `GET /` on Node 26.
 */
export class JsonAdapter extends ExpressAdapter {
  constructor() {
    super();
    this.disable('x-powered-by');
    this.disable('etag'); // Its hash takes a third of a request.
  }

  /**
   * Creates a server whose requests and responses have Express's prototypes from the start. Express would change the
   * prototypes of each pair, which takes 6 % of a request.
   */
  override initHttpServer(options: NestApplicationOptions): void {
    if (options.httpsOptions || options.forceCloseConnections || options.return503OnClosing) {
      return super.initHttpServer(options);
    }
    const app = this.getInstance<{ request: object; response: object } & RequestListener>();
    class ExpressRequest extends IncomingMessage {}
    class ExpressResponse extends ServerResponse {}
    app.request = Object.setPrototypeOf(ExpressRequest.prototype, app.request) as object;
    app.response = Object.setPrototypeOf(ExpressResponse.prototype, app.response) as object;
    this.httpServer = createServer(
      {
        IncomingMessage: ExpressRequest,
        ServerResponse: ExpressResponse,
        // Node looks for connections past headersTimeout and requestTimeout every 30 s by default. Limits of 10 s and 30 s
        // would fire after up to 40 s and 60 s.
        connectionsCheckingInterval: 1000,
      },
      (request, response) => prepareForExpress(request, response) && app(request, response),
    );
  }

  /**
   * Writes the JSON text of an object without Express's look at types, charsets and settings, which takes 8 % of a request.
   * Every other body goes Express's way.
   */
  override reply(response: Response, body: unknown, statusCode?: number): unknown {
    const json = isSimple(response, body, statusCode) ? (JSON.stringify(body) as string | undefined) : undefined;
    if (json === undefined) return super.reply(response, body, statusCode);
    if (statusCode !== undefined) response.status(statusCode);
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.setHeader('Content-Length', Buffer.byteLength(json));
    return response.end(json);
  }
}

/** Would Express write this body as its JSON text and nothing else? */
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
