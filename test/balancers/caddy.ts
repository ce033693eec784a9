import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from 'port-binding/check/ports';
import { Program, emptyFolder } from '../support/service.js';
import { type Balancer, type Instance, installed, reached, until } from './balancer.js';

export const CADDY = installed('caddy');

/** Caddy with a list of ports that does not change, of which it checks who is ready: a reload would reset connections. */
export class Caddy implements Balancer {
  private constructor(
    readonly port: number,
    private readonly free: number[],
    private readonly program: Program,
  ) {}

  static async start(): Promise<Caddy> {
    const port = await freePort();
    const ports = await Promise.all(Array.from({ length: 4 }, freePort));
    const folder = emptyFolder();
    writeFileSync(
      join(folder, 'Caddyfile'),
      `{
  admin off
}
http://:${port} {
  bind 127.0.0.1
  respond /listening 200
  reverse_proxy ${ports.map((each) => `127.0.0.1:${each}`).join(' ')} {
    lb_policy round_robin
    lb_try_duration 0
    health_uri /health/ready
    health_interval 2s
    health_timeout 5s
  }
}
`,
    );
    const env = { PATH: process.env['PATH'], HOME: folder };
    const program = new Program(CADDY!, ['run', '--config', join(folder, 'Caddyfile')], { env });
    await until(program, port, '/listening', (text) => text === '');
    return new Caddy(port, ports, program);
  }

  nextPort(): number {
    return this.free.shift()!;
  }

  async join(instance: Instance): Promise<void> {
    await reached(this.program, this.port, instance);
  }

  async leave({ service, port }: Instance): Promise<void> {
    service.kill('SIGTERM');
    await service.exit;
    this.free.push(port);
  }

  stop(): void {
    this.program.kill('SIGKILL');
  }
}
