import { createServer } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { applyBounds, listen } from 'port-binding';
import { Connections, type PlatformHandler, PlatformRoutes } from 'port-binding/nest';
import type { Environment } from '../environment.js';
import { Metrics } from './metrics.js';

/** A Prometheus keeps one connection, and there are few of them. */
const MAX_CONNECTIONS = 16;

/** A scrape is a short request without a body, in milliseconds. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 };

/**
 * Where Prometheus finds the metrics: at `/metrics` on PORT, or on a port of their own, which a router need not show to the
 * world. That one is open until the process ends.
 */
@Injectable()
export class MetricsPort implements OnApplicationBootstrap {
  private readonly logger = new Logger(MetricsPort.name);
  private readonly scrapes = new Map<string, ReturnType<Metrics['show']>>();

  constructor(
    private readonly metrics: Metrics,
    private readonly platformRoutes: PlatformRoutes,
    private readonly connections: Connections,
    private readonly config: ConfigService<Environment, true>,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const port = this.config.get('METRICS_PORT', { infer: true });
    if (port === undefined) {
      this.platformRoutes.get('/metrics', this.show);
      return;
    }
    const server = createServer(TIMEOUTS, (request, response) => {
      if (/^\/metrics\/?(\?|$)/.test(request.url!)) void this.platformRoutes.respond(this.show, request, response);
      else response.writeHead(404).end();
    });
    const { connections } = this;
    applyBounds(server, { maxConnections: MAX_CONNECTIONS }, this.logger).on('rejected', (request) => {
      connections.emit('rejected', request); // for the log and the metrics, like those on PORT
    });
    const address = await listen(server, { port, host: this.config.get('HOST', { infer: true }) });
    this.logger.log(`Metrics on port ${address.port}`, { ...address });
  }

  /** One text for all who ask at the same time: each takes a millisecond, and a pipeline asks for thousands. */
  private readonly show: PlatformHandler = ({ headers: { accept = '' } }) => {
    let scrape = this.scrapes.get(accept);
    if (scrape === undefined) {
      scrape = this.metrics.show(accept).finally(() => this.scrapes.delete(accept));
      this.scrapes.set(accept, scrape);
    }
    return scrape;
  };
}
