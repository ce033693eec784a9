import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Request } from 'express';
import { Connections } from 'port-binding/nest';
import { isHealth } from '../health/paths.js';
import { requestId } from './request-id.js';

/** A request that takes longer deserves a line. Routers in front give up after thirty times as long. */
const SLOW_MS = 1000;

/** A client with many failing requests must not fill the disk that keeps the log. */
const LINES_PER_SECOND = 10;

/** W3C's header (https://www.w3.org/TR/trace-context/#traceparent-header) of any version but 255, with ids not all zero. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-[\da-f]{2}(-|$)/;

/**
 * Logs each request that somebody will ask about: it failed, was slow, cut off, or rejected as invalid HTTP. A router in
 * front logs all others, and so does `LOG_LEVEL=debug`. The response to each valid request carries its id, to find the line
 * by.
 */
@Injectable()
export class RequestLog implements OnApplicationBootstrap {
  private readonly logger = new Logger('Request');
  private lines = 0;
  private leftOut = 0;

  constructor(
    private readonly connections: Connections,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  onApplicationBootstrap(): void {
    const all = Logger.isLevelEnabled('debug');
    const { connections } = this;
    this.identifyRequests(this.adapterHost.httpAdapter.getHttpServer());
    connections.on('ended', (response, ms, bytes) => {
      // During a drain, every readiness check fails. The log says once that the service drains.
      if (connections.closing && response.statusCode === 503 && isHealth(response.req)) return;
      const level = response.statusCode >= 500 ? 'error' : 'warn';
      const message = noteworthy(response, ms);
      if (message !== undefined) this.log(level, message, () => fieldsOf(response, ms, bytes));
      else if (all) this.logger.debug('Answered', fieldsOf(response, ms, bytes));
    });
    connections.on('rejected', ({ socket, status, reason, response }) => {
      this.log('warn', 'Rejected', () => ({
        status_code: status,
        reason,
        client_address: socket.remoteAddress,
        request_id: response?.getHeader('X-Request-Id'),
      }));
    });
  }

  private identifyRequests(server: Server): void {
    // Node keeps the address of a closed connection only where somebody asked for it before.
    server.on('connection', (socket: Socket) => void socket.remoteAddress);
    // Before all other listeners, so that every response has an id. They are complete when the port opens.
    server.once('listening', () => {
      server.prependListener('request', ({ headers }, response) => {
        response.setHeader('X-Request-Id', requestId(headers));
      });
    });
  }

  private log(level: 'error' | 'warn', message: string, fields: () => object): void {
    if (this.lines === 0) {
      setTimeout(this.logLeftOut, 1000).unref();
      process.once('exit', this.logLeftOut); // The process may end within the second.
    }
    if (++this.lines > LINES_PER_SECOND) this.leftOut++;
    else this.logger[level](message, fields());
  }

  private readonly logLeftOut = (): void => {
    process.off('exit', this.logLeftOut);
    if (this.leftOut > 0) this.logger.warn('More of these were left out', { left_out: this.leftOut });
    this.lines = this.leftOut = 0;
  };
}

function noteworthy(response: ServerResponse, ms: number): string | undefined {
  if (!response.writableFinished) return 'Cut off';
  if (response.statusCode >= 500) return 'Failed';
  return ms > SLOW_MS ? 'Slow' : undefined;
}

/** Leaves out whatever may hold a secret, such as the query and most headers. */
function fieldsOf(response: ServerResponse, ms: number, bytes: number | undefined) {
  const { method, originalUrl, url, route, headers, ip, socket } = response.req as Request;
  const [, traceId, spanId] = TRACEPARENT.exec(String(headers['traceparent'])) ?? [];
  return {
    method,
    path: (originalUrl ?? url).replace(/\?.*/s, ''),
    route: route?.path,
    // Not `status`, which Datadog takes for the level.
    status_code: response.headersSent ? response.statusCode : undefined,
    duration_ms: Math.round(ms),
    bytes,
    // The connection's, or what `X-Forwarded-For` says where Express's `trust proxy` allows it.
    client_address: ip ?? socket.remoteAddress,
    request_id: response.getHeader('X-Request-Id'),
    trace_id: traceId,
    span_id: spanId,
  };
}
