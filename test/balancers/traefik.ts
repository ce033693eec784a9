import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from 'port-binding/check/ports';
import { Program, emptyFolder } from '../support/service.js';
import { type Balancer, type Instance, installed, reached, until } from './balancer.js';

export const TRAEFIK = installed('traefik');

/** Traefik that is told of its instances by a file, and checks them. */
export class Traefik implements Balancer {
  private readonly instances: number[] = [];

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly program: Program,
  ) {}

  static async start(): Promise<Traefik> {
    const [port, admin, folder] = [await freePort(), await freePort(), emptyFolder()];
    write(folder, []);
    const program = new Program(
      TRAEFIK!,
      [
        `--entryPoints.web.address=127.0.0.1:${port}`,
        `--entryPoints.traefik.address=127.0.0.1:${admin}`,
        `--providers.file.filename=${folder}/service.yaml`,
        '--ping=true',
        '--global.checkNewVersion=false',
        '--global.sendAnonymousUsage=false',
      ],
      {},
    );
    await until(program, admin, '/ping', (text) => text === 'OK');
    return new Traefik(port, folder, program);
  }

  async join(instance: Instance): Promise<void> {
    this.instances.push(instance.port);
    write(this.folder, this.instances);
    await reached(this.program, this.port, instance);
  }

  async leave({ service, port }: Instance): Promise<void> {
    service.kill('SIGTERM');
    await service.exit;
    this.instances.splice(this.instances.indexOf(port), 1);
    write(this.folder, this.instances);
  }

  stop(): void {
    this.program.kill('SIGKILL');
  }
}

/** By renaming: of a file that is written in place it may read the half, and then it knows no instance. */
function write(folder: string, instances: number[]): void {
  const configuration = {
    http: {
      routers: { service: { rule: 'PathPrefix(`/`)', service: 'service' } },
      services: {
        service: {
          loadBalancer: {
            servers: instances.map((port) => ({ url: `http://127.0.0.1:${port}` })),
            healthCheck: { path: '/health/ready', interval: '2s', timeout: '5s' },
          },
        },
      },
    },
  };
  writeFileSync(join(folder, 'service.new'), JSON.stringify(configuration)); // is YAML as well
  renameSync(join(folder, 'service.new'), join(folder, 'service.yaml'));
}
