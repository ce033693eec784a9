import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { listen } from 'port-binding';
import type { Environment } from '../environment.js';
import { PlatformRoutes } from '../platform/platform-routes.js';
import { Metrics } from './metrics.js';

/**
 * Where Prometheus finds the metrics: at `/metrics` on PORT, or on a port of their own, which a router need not show to the
 * world. That one is open until the process ends.
 */
@Injectable()
export class MetricsPort implements OnApplicationBootstrap {
  private readonly logger = new Logger(MetricsPort.name);

  constructor(
    private readonly metrics: Metrics,
    private readonly platformRoutes: PlatformRoutes,
    private readonly config: ConfigService<Environment, true>,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const port = this.config.get('METRICS_PORT', { infer: true });
    if (port === undefined) {
      this.platformRoutes.get('/metrics', ({ headers }) => this.metrics.show(headers.accept));
      return;
    }
    const server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        this.logger.error(error);
        response.writeHead(500).end();
      });
    });
    const bound = await listen(server, { port, host: this.config.get('HOST', { infer: true }) });
    this.logger.log(`Metrics on port ${bound.port}`, { ...bound });
  }

  private async answer({ url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (/^\/metrics(\?|$)/.test(url!)) {
      const { contentType, body } = await this.metrics.show(headers.accept);
      response.setHeader('Content-Type', contentType).setHeader('Cache-Control', 'no-store').end(body);
    } else {
      response.writeHead(404).end();
    }
  }
}
