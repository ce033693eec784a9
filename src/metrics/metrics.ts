import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Gauge, Metric, OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';
import { Connections, Drain, PHASES, PortBinding } from 'port-binding/nest';
import type { Environment } from '../environment.js';
import { name, version } from '../instance/package-json.js';
import { RequestDurations } from './request-durations.js';

/** Of the library's own, those that are no counters but called so: Prometheus' own check of names refuses them. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** What the service tells Prometheus, of requests by the names that OpenTelemetry has for HTTP servers. */
@Injectable()
export class Metrics implements OnApplicationBootstrap {
  private readonly durations = new RequestDurations();
  private own: Registry | undefined;

  constructor(
    private readonly connections: Connections,
    private readonly drain: Drain,
    private readonly portBinding: PortBinding,
    private readonly config: ConfigService<Environment, true>,
  ) {}

  onApplicationBootstrap(): void {
    this.connections.on('ended', (response, ms) => this.durations.add(response, ms));
  }

  /**
   * All metrics, in the format of OpenMetrics where a client asks for that, else in Prometheus' own.
   *
   * @param accept the header of that name
   */
  async show(accept = ''): Promise<{ contentType: string; body: string }> {
    // When first asked for: what counts nothing by itself costs no start, and nothing where nobody asks.
    const client = await import('prom-client');
    this.own ??= this.register(client);
    const all = new client.Registry<PrometheusContentType | OpenMetricsContentType>();
    // Whatever else the program counts is in the library's own registry, as `new Counter()` puts it there.
    for (const registry of [client.register, this.own]) {
      for (const { name: metric } of registry.getMetricsAsArray()) {
        // A stand-in for each: for OpenMetrics, the registry changes the names of its counters for good.
        const standIn = Object.create(registry.getSingleMetric(metric)!) as Metric;
        if (!all.getSingleMetric(metric)) all.registerMetric(standIn);
      }
    }
    if (accept.includes('application/openmetrics-text')) all.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE);
    return { contentType: all.contentType, body: await all.metrics() };
  }

  private register(client: typeof import('prom-client')): Registry {
    const own = new client.Registry();
    const { connections } = this;
    const gauge = (metric: string, help: string, labelNames: string[], set: (gauge: Gauge) => void) => {
      const it: Gauge = new client.Gauge({ name: metric, help, labelNames, registers: [own], collect: () => set(it) });
    };

    own.registerMetric(this.durations as unknown as Metric);
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
    client.collectDefaultMetrics({ register: own });
    for (const misnamed of MISNAMED) own.removeSingleMetric(misnamed);
    return own;
  }
}
