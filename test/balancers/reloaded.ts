import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from 'port-binding/check/ports';
import { type Program, emptyFolder } from '../support/service.js';
import { type Balancer, type Instance, reached, until } from './balancer.js';

interface Settings {
  /** The name of its configuration. */
  file: string;
  /** By which `/generation` is answered with that. */
  configuration: (port: number, generation: string, instances: number[]) => string;
  run: (folder: string) => Program;
  /** What has it read its configuration again. */
  signal: NodeJS.Signals;
}

/** A balancer with a list of instances, which is written anew and read by a reload. */
export class Reloaded implements Balancer {
  private readonly instances: number[] = [];
  private readonly folder = emptyFolder();
  private readonly program: Program;
  private generation = 0;

  private constructor(
    readonly port: number,
    private readonly settings: Settings,
  ) {
    this.write();
    this.program = settings.run(this.folder);
  }

  static async start(settings: Settings): Promise<Reloaded> {
    const balancer = new Reloaded(await freePort(), settings);
    await balancer.serving();
    return balancer;
  }

  async join(instance: Instance): Promise<void> {
    this.instances.push(instance.port);
    await this.reload();
    await reached(this.program, this.port, instance);
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
    this.generation++;
    this.write();
    this.program.kill(this.settings.signal);
    await this.serving();
  }

  private write(): void {
    const { file, configuration } = this.settings;
    writeFileSync(join(this.folder, file), configuration(this.port, String(this.generation), this.instances));
  }

  /** Waits until it goes by what was written last. */
  private async serving(): Promise<void> {
    await until(this.program, this.port, '/generation', (text) => text === String(this.generation));
  }
}
