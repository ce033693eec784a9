import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from 'port-binding/check/ports';
import { type Program, emptyFolder } from '../support/service.js';
import { type Balancer, type Instance, until } from './balancer.js';
import { Envoy, IDLE, listener, run } from './envoy.js';

/**
 * A mesh: an Envoy in front, which is told who is there and checks nobody, and one before each instance. An instance gets
 * its signal first, then is taken out, as in Kubernetes; its sidecar ends after it, as a native one does.
 */
export class EnvoySidecar implements Balancer {
  private readonly sidecars = new Map<Instance, Program>();

  private constructor(private readonly front: Envoy) {}

  static async start(): Promise<EnvoySidecar> {
    return new EnvoySidecar(await Envoy.start(''));
  }

  get port(): number {
    return this.front.port;
  }

  async join(instance: Instance): Promise<void> {
    const [port, admin] = [await freePort(), await freePort()];
    const file = join(emptyFolder(), 'sidecar.yaml');
    writeFileSync(
      file,
      `${listener(port, admin)}
  clusters:
  - name: service
    type: STATIC
    connect_timeout: 2s
    load_assignment:
      cluster_name: service
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${instance.port} } } }
${IDLE}`,
    );
    const sidecar = run(file);
    this.sidecars.set(instance, sidecar);
    await until(sidecar, admin, '/ready', (text) => text.startsWith('LIVE'));
    await this.front.put(instance, port);
  }

  async leave(instance: Instance): Promise<void> {
    instance.service.kill('SIGTERM');
    await instance.service.logged(/^SIGTERM: draining$/);
    await this.front.take(instance);
    await instance.service.exit;
    this.sidecars.get(instance)!.kill('SIGTERM');
    await this.sidecars.get(instance)!.exit;
  }

  stop(): void {
    this.front.stop();
    for (const sidecar of this.sidecars.values()) sidecar.kill('SIGKILL');
  }
}
