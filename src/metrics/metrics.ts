import type { ServerResponse } from 'node:http';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Request } from 'express';
import { Connections, Drain, PHASES, PortBinding } from 'port-binding/nest';
import {
  Counter,
  Gauge,
  Histogram,
  type Metric,
  type OpenMetricsContentType,
  type PrometheusContentType,
  Registry,
  collectDefaultMetrics,
  register as global,
} from 'prom-client';
import type { Environment } from '../environment.js';
import { name, version } from '../instance/package-json.js';

/** All other methods are one, because a client can make up any: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE']);

/** In seconds, from the same document. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The library's gauges with a counter's name: Prometheus's own check of names refuses them. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Measures the service for Prometheus, with OpenTelemetry's names for HTTP servers. */
@Injectable()
export class Metrics implements OnApplicationBootstrap {
  private readonly own = new Registry();

  constructor(
    private readonly connections: Connections,
    private readonly drain: Drain,
    private readonly portBinding: PortBinding,
    private readonly config: ConfigService<Environment, true>,
  ) {}

  onApplicationBootstrap(): void {
    const durations = new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'From the header of a request to the end of its response.',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code', 'error_type'],
      buckets: BUCKETS,
      registers: [this.own],
    });
    this.connections.on('ended', (response, ms) => durations.observe(labelsOf(response), ms / 1000));

    const rejected = new Counter({
      name: 'http_server_rejected_requests_total',
      help: 'Requests that were no valid HTTP, or did not arrive in time.',
      labelNames: ['http_response_status_code', 'reason'],
      registers: [this.own],
    });
    // The reasons are the parser's and our own: a client cannot make one up.
    this.connections.on('rejected', ({ status, reason }) =>
      rejected.inc({ http_response_status_code: status, reason }),
    );

    const { connections, drain, portBinding } = this;
    this.gauge('http_server_active_requests', 'Requests that wait for a response, or for the rest of one.', [], (it) =>
      it.set(connections.inFlight),
    );
    this.gauge('http_server_open_connections', 'Open connections, by what is spoken on them.', ['protocol'], (it) => {
      it.set({ protocol: 'http' }, connections.open);
      it.set({ protocol: 'upgraded' }, connections.upgraded);
    });
    this.gauge('drain_phase', 'The phase of the service: 1 for that, 0 for the others.', ['phase'], (it) => {
      for (const phase of PHASES) it.set({ phase }, Number(phase === drain.phase));
    });
    this.gauge('port_binding_info', 'The bound address.', ['address', 'port'], (it) => {
      const { address, port } = portBinding.address;
      it.set({ address, port }, 1);
    });
    this.gauge('build_info', 'What runs here.', ['name', 'version', 'revision', 'node'], (it) =>
      it.set({ name, version, revision: this.config.get('REVISION', { infer: true }), node: process.version }, 1),
    );
  }

  /**
   * All metrics, in OpenMetrics where a client asks for that, else in Prometheus's own format.
   *
   * @param accept the header of that name
   */
  async show(accept: string): Promise<{ contentType: string; body: string }> {
    // When first asked for, because the library measures the event loop's delay from then on, 100 times per second.
    if (this.own.getSingleMetric('process_cpu_seconds_total') === undefined) {
      collectDefaultMetrics({ register: this.own });
      for (const misnamed of MISNAMED) this.own.removeSingleMetric(misnamed);
    }
    const all = new Registry<PrometheusContentType | OpenMetricsContentType>();
    // A fork's `new Counter()` puts itself into the library's global registry.
    for (const registry of [global, this.own]) {
      for (const { name: metric } of registry.getMetricsAsArray()) {
        // A stand-in for each: for OpenMetrics, the registry changes the names of its counters for good.
        const standIn = Object.create(registry.getSingleMetric(metric)!) as Metric;
        if (!all.getSingleMetric(metric)) all.registerMetric(standIn);
      }
    }
    if (accept.includes('application/openmetrics-text')) all.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    return { contentType: all.contentType, body: await all.metrics() };
  }

  private gauge(metric: string, help: string, labelNames: string[], set: (gauge: Gauge) => void): void {
    const it: Gauge = new Gauge({ name: metric, help, labelNames, registers: [this.own], collect: () => set(it) });
  }
}

function labelsOf(response: ServerResponse) {
  const { method, route } = response.req as Request;
  const { statusCode, headersSent, writableFinished } = response;
  const error = statusCode >= 500 ? String(statusCode) : '';
  return {
    http_request_method: METHODS.has(method) ? method : '_OTHER',
    http_route: (route as { path?: string } | undefined)?.path ?? '',
    http_response_status_code: headersSent ? statusCode : '',
    error_type: writableFinished ? error : 'cut_off',
  };
}
