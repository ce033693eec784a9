import type { ServerResponse } from 'node:http';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Request } from 'express';
import { Gauge, Histogram, type OpenMetricsContentType, Registry, collectDefaultMetrics } from 'prom-client';
import { Drain, PHASES } from '../drain/drain.js';
import type { Environment } from '../environment.js';
import { HttpServer } from '../http-server/http-server.js';
import { name, version } from '../package-json.js';
import { PortBinding } from '../port-binding/port-binding.js';

/** Those of HTTP; whatever else a client makes up is one: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);

/** In seconds, as the same document advises. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Of the library's own, those that are no counters but called so: Prometheus' own check of names refuses them. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** What the service tells Prometheus, of requests by the names that OpenTelemetry has for HTTP servers. */
@Injectable()
export class Metrics implements OnApplicationBootstrap {
  private readonly text = new Registry();
  private readonly openMetrics = new Registry<OpenMetricsContentType>();
  private complete = false;

  constructor(
    private readonly httpServer: HttpServer,
    private readonly drain: Drain,
    private readonly portBinding: PortBinding,
    private readonly config: ConfigService<Environment, true>,
  ) {}

  onApplicationBootstrap(): void {
    const duration = new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'From the header of a request to the end of its answer.',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code', 'error_type'],
      buckets: BUCKETS,
      registers: [this.text],
    });
    this.httpServer.connections.on('ended', (response, ms) => duration.observe(labelsOf(response), ms / 1000));
  }

  /**
   * All metrics, in the format of OpenMetrics where a client asks for that, else in Prometheus' own.
   *
   * @param accept the header of that name
   */
  async show(accept = ''): Promise<{ contentType: string; body: string }> {
    if (!this.complete) this.addWhatCanWait();
    const registry = accept.includes('application/openmetrics-text') ? this.openMetrics : this.text;
    return { contentType: registry.contentType, body: await registry.metrics() };
  }

  /** Whatever counts nothing by itself costs a start, and those whom nobody asks for metrics, nothing. */
  private addWhatCanWait(): void {
    this.complete = true;
    const { connections } = this.httpServer;
    const gauge = (metric: string, help: string, labelNames: string[], set: (gauge: Gauge) => void) => {
      const it: Gauge = new Gauge({ name: metric, help, labelNames, registers: [this.text], collect: () => set(it) });
    };

    gauge('http_server_active_requests', 'Requests that wait for an answer, or for the rest of one.', [], (it) =>
      it.set(connections.inFlight),
    );
    gauge(
      'http_server_open_connections',
      'Connections that are open, by what is spoken on them.',
      ['protocol'],
      (it) => {
        it.set({ protocol: 'http' }, connections.open);
        it.set({ protocol: 'upgraded' }, connections.upgraded);
      },
    );
    gauge('drain_phase', 'The phase that the service is in: 1 for that, 0 for the others.', ['phase'], (it) => {
      for (const phase of PHASES) it.set({ phase }, Number(phase === this.drain.phase));
    });
    gauge('port_binding_info', 'The address that is bound.', ['address', 'port'], (it) => {
      const { address, port } = this.portBinding.address;
      it.set({ address, port }, 1);
    });
    gauge('build_info', 'What runs here.', ['name', 'version', 'revision', 'node'], (it) =>
      it.set({ name, version, revision: this.config.get('REVISION', { infer: true }), node: process.version }, 1),
    );

    collectDefaultMetrics({ register: this.text });
    for (const misnamed of MISNAMED) this.text.removeSingleMetric(misnamed);
    this.openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    for (const { name: metric } of this.text.getMetricsAsArray()) {
      this.openMetrics.registerMetric(this.text.getSingleMetric(metric)!);
    }
  }
}

function labelsOf(response: ServerResponse): Record<string, string | number> {
  const { method = '', route } = response.req as Request;
  const status = response.headersSent ? response.statusCode : '';
  return {
    http_request_method: METHODS.has(method) ? method : '_OTHER',
    http_route: route?.path ?? '',
    http_response_status_code: status,
    error_type: response.writableFinished ? (Number(status) >= 500 ? String(status) : '') : 'cut_off',
  };
}
