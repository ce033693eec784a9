import { Controller, Get, Header, Module } from '@nestjs/common';
import { collectDefaultMetrics, register } from 'prom-client';

@Controller('metrics')
class MetricsController {
  @Get()
  @Header('Content-Type', register.contentType)
  metrics() {
    return register.metrics();
  }
}

@Module({ controllers: [MetricsController] })
export class PrometheusModule {
  constructor() {
    collectDefaultMetrics();
  }
}
