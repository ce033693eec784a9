import type { ServerResponse } from 'node:http';
import { Controller, Get, Header, Headers, NotFoundException, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Environment } from '../environment.js';
import { Metrics } from './metrics.js';

@Controller({ path: 'metrics', version: VERSION_NEUTRAL })
export class MetricsController {
  private readonly elsewhere: boolean;

  constructor(
    private readonly metrics: Metrics,
    config: ConfigService<Environment, true>,
  ) {
    this.elsewhere = config.get('METRICS_PORT', { infer: true }) !== undefined;
  }

  @Get()
  @Header('Cache-Control', 'no-store')
  async show(@Headers('accept') accept: string | undefined, @Res() response: ServerResponse): Promise<void> {
    if (this.elsewhere) throw new NotFoundException('Metrics are on METRICS_PORT');
    const { contentType, body } = await this.metrics.show(accept);
    response.setHeader('Content-Type', contentType).end(body);
  }
}
