import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/free-port.js';
import { Program, emptyFolder } from '../support/service.js';
import { type Balancer, type Instance, reached, until } from './balancer.js';
import { HAPROXY } from './haproxy.js';

/** HAProxy with a list of instances, which is written anew and read by a reload. */
export class HAProxyReload implements Balancer {
  private readonly instances: number[] = [];
  private generation = 0;

  private constructor(
    readonly port: number,
    private readonly file: string,
    private readonly program: Program,
  ) {}

  static async start(): Promise<HAProxyReload> {
    const port = await freePort();
    const file = join(emptyFolder(), 'haproxy.cfg');
    write(file, port, '0', []);
    const balancer = new HAProxyReload(port, file, new Program(HAPROXY!, ['-W', '-db', '-q', '-f', file], {}));
    await until(port, '/generation', (text) => text === '0');
    return balancer;
  }

  async join(instance: Instance): Promise<void> {
    this.instances.push(instance.port);
    await this.reload();
    await reached(this.port, instance);
  }

  async leave({ service, port }: Instance): Promise<void> {
    this.instances.splice(this.instances.indexOf(port), 1);
    await this.reload();
    service.kill('SIGTERM');
    await service.exit;
  }

  stop(): void {
    this.program.kill('SIGTERM');
  }

  private async reload(): Promise<void> {
    const generation = String(++this.generation);
    write(this.file, this.port, generation, this.instances);
    this.program.kill('SIGUSR2');
    await until(this.port, '/generation', (text) => text === generation);
  }
}

function write(file: string, port: number, generation: string, instances: number[]): void {
  writeFileSync(
    file,
    `defaults
  mode http
  retries 0
  option idle-close-on-response
  timeout connect 2s
  timeout check 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain string "${generation}" if { path /generation }
  http-response del-header Keep-Alive
  default_backend instances
backend instances
  balance roundrobin
  option httpchk GET /health/ready
  http-check expect status 200
  default-server check inter 2s fall 2 rise 1
${instances.map((instance) => `  server s${instance} 127.0.0.1:${instance}`).join('\n')}
`,
  );
}
