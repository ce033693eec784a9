import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from 'port-binding/check/ports';
import { Program, emptyFolder } from '../support/service.js';
import { type Balancer, type Instance, installed, until } from './balancer.js';

export const ENVOY = installed('envoy');

/** In Envoy's words: what it takes to find out by itself who is ready. */
export const HEALTH_CHECKS = `
    health_checks:
      - no_traffic_interval: 2s # A minute by default, and until a cluster's first request it goes by this.
        interval: 2s
        timeout: 5s
        unhealthy_threshold: 2
        healthy_threshold: 1
        http_health_check: { path: /health/ready }`;

/** Envoy that is told of its instances by a file (EDS), and checks them. */
export class Envoy implements Balancer {
  private readonly endpoints = new Map<Instance, number>();

  private constructor(
    readonly port: number,
    private readonly admin: number,
    private readonly folder: string,
    private readonly program: Program,
  ) {}

  /** @param checks how it checks instances, if it does */
  static async start(checks = HEALTH_CHECKS): Promise<Envoy> {
    const [port, admin, folder] = [await freePort(), await freePort(), emptyFolder()];
    writeEndpoints(folder, []);
    const file = join(folder, 'envoy.yaml');
    writeFileSync(
      file,
      `node: { id: front, cluster: front }
${listener(port, admin)}
  clusters:
  - name: service
    type: EDS
    connect_timeout: 2s
    eds_cluster_config:
      eds_config:
        path_config_source:
          path: ${folder}/eds.json
          watched_directory: { path: ${folder} }${checks}
${IDLE}`,
    );
    const program = run(file);
    await until(program, admin, '/ready', (text) => text.startsWith('LIVE'));
    return new Envoy(port, admin, folder, program);
  }

  async join(instance: Instance): Promise<void> {
    await this.put(instance, instance.port);
  }

  async leave(instance: Instance): Promise<void> {
    instance.service.kill('SIGTERM');
    await instance.service.exit;
    await this.take(instance);
  }

  stop(): void {
    this.program.kill('SIGKILL');
  }

  /** Sends requests for an instance to a port, and waits until that is found healthy. */
  async put(instance: Instance, port: number): Promise<void> {
    this.endpoints.set(instance, port);
    writeEndpoints(this.folder, [...this.endpoints.values()]);
    await this.clusters((text) => text.includes(`service::127.0.0.1:${port}::health_flags::healthy`));
  }

  /** Sends it no more. */
  async take(instance: Instance): Promise<void> {
    const port = this.endpoints.get(instance)!;
    this.endpoints.delete(instance);
    writeEndpoints(this.folder, [...this.endpoints.values()]);
    await this.clusters((text) => !text.includes(`service::127.0.0.1:${port}::`));
  }

  private async clusters(condition: (text: string) => boolean): Promise<void> {
    await until(this.program, this.admin, '/clusters', condition);
  }
}

/** Less than the service's keep-alive timeout: an hour by default, it would use what the service is just closing. */
export const IDLE = `    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        common_http_protocol_options: { idle_timeout: 600s }
        explicit_http_config: { http_protocol_options: {} }
`;

export function run(file: string): Program {
  return new Program(ENVOY!, ['-c', file, '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warn'], {});
}

/** The part of a configuration that takes requests and sends them to the cluster called `service`. */
export function listener(port: number, admin: number): string {
  return `admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${admin} } } }
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: ${port} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{ match: { prefix: / }, route: { cluster: service, timeout: 0s } }]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }`;
}

/** By renaming, as Envoy watches the folder for what is moved into it. */
function writeEndpoints(folder: string, ports: number[]): void {
  const endpoints = ports.map((port) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
  }));
  const resource = {
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    cluster_name: 'service',
    endpoints: [{ lb_endpoints: endpoints }],
  };
  writeFileSync(join(folder, 'eds.new'), JSON.stringify({ resources: [resource] }));
  renameSync(join(folder, 'eds.new'), join(folder, 'eds.json'));
}
