import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { Request } from 'express';
import { Connections } from 'port-binding/nest';
import { isHealth } from '../health/paths.js';

/** What takes longer, in milliseconds, is worth a line: routers in front give up at thirty times that. */
const SLOW_MS = 1000;

/** Lines a second: a client that has many of its requests fail must not fill the disk of who keeps the log. */
const LINES_A_SECOND = 10;

/** Of W3C (https://www.w3.org/TR/trace-context/#traceparent-header): of any version but 255, ids that are not all zero. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-[\da-f]{2}(-|$)/;

/** The id that a router has given to a request: by its own convention, AWS', or Google Cloud's. */
const REQUEST_IDS = ['x-request-id', 'x-amzn-trace-id', 'x-cloud-trace-context'];

/**
 * A line for each request that somebody will ask about: that failed, was cut off, or took long. A router in front logs
 * the others, as does `LOG_LEVEL=debug`.
 */
@Injectable()
export class RequestLog implements OnApplicationBootstrap {
  private readonly logger = new Logger('Request');
  private lines = 0;
  private leftOut = 0;

  constructor(private readonly connections: Connections) {}

  onApplicationBootstrap(): void {
    const all = Logger.isLevelEnabled('debug');
    const { connections } = this;
    connections.on('ended', (response, ms, bytes) => {
      // A draining instance says so to every check, and once in the log.
      if (connections.closing && response.statusCode === 503 && isHealth(response.req)) return;
      const what = noteworthy(response, ms);
      if (what !== undefined) this.tell(what, response, ms, bytes);
      else if (all) this.logger.debug('Answered', fieldsOf(response, ms, bytes));
    });
  }

  private tell(what: string, response: ServerResponse, ms: number, bytes: number | undefined): void {
    if (this.lines === 0) {
      setTimeout(this.tellLeftOut, 1000).unref();
      process.once('exit', this.tellLeftOut); // The second may not be over by then.
    }
    if (++this.lines > LINES_A_SECOND) this.leftOut++;
    else if (response.statusCode >= 500) this.logger.error(what, fieldsOf(response, ms, bytes));
    else this.logger.warn(what, fieldsOf(response, ms, bytes));
  }

  private readonly tellLeftOut = (): void => {
    process.off('exit', this.tellLeftOut);
    if (this.leftOut > 0) this.logger.warn('More of these were left out', { leftOut: this.leftOut });
    this.lines = this.leftOut = 0;
  };
}

function noteworthy(response: ServerResponse, ms: number): string | undefined {
  if (!response.writableFinished) return 'Cut off';
  if (response.statusCode >= 500) return 'Failed';
  return ms > SLOW_MS ? 'Slow' : undefined;
}

/** What may hold a secret, such as a header or a query, is not among these. */
function fieldsOf(response: ServerResponse, ms: number, bytes: number | undefined) {
  const { method, originalUrl, url, route, headers } = response.req as Request;
  const [, traceId, spanId] = TRACEPARENT.exec(String(headers['traceparent'])) ?? [];
  return {
    method,
    path: (originalUrl ?? url).replace(/\?.*/s, ''),
    route: route?.path,
    status: response.headersSent ? response.statusCode : undefined,
    durationMs: Math.round(ms),
    bytes,
    request_id: requestId(headers),
    trace_id: traceId,
    span_id: spanId,
  };
}

function requestId(headers: IncomingHttpHeaders): string | undefined {
  const [id] = REQUEST_IDS.flatMap((name) => headers[name] ?? []);
  return id?.slice(0, 128);
}
