import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { ENVIRONMENT } from './environment.js';
import { IMAGE, hasDocker } from './image.js';
import { describeWith } from './requirement.js';
import { Program, START_MS, onCleanUp } from './service.js';

/** A `describe` for tests that need an engine. */
export const describeWithDocker = () =>
  describeWith(hasDocker(), 'a Docker engine', 'Install and start it: https://docs.docker.com/engine/install/');

/** Runs a docker command and gives what it prints to standard output. */
export async function docker(...args: string[]): Promise<string> {
  return (await promisify(execFile)('docker', args, { maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
}

const containers = new Set<string>();

onCleanUp(() => {
  if (containers.size > 0) spawnSync('docker', ['rm', '--force', ...containers], { stdio: 'ignore' });
  containers.clear();
});

let count = 0;

/** A container of the image under test, its port mapped to one of the host's that Docker chooses. */
export class Container extends Program {
  readonly name: string;

  private constructor(
    name: string,
    args: string[],
    readonly containerPort: number,
  ) {
    super('docker', ['run', '--name', name, ...args], {});
    this.name = name;
    containers.add(name);
  }

  /** @param options of `docker run`, such as `--read-only` */
  static run(env: Record<string, string> = {}, options: string[] = [], image = IMAGE): Container {
    const name = `port-binding-test-${process.pid}-${count++}`;
    const port = Number(env['PORT'] || 3000);
    const variables = Object.entries({ ...ENVIRONMENT, ...env }).flatMap(([key, value]) => [
      '--env',
      `${key}=${value}`,
    ]);
    const publish = Number.isInteger(port) && port > 0 ? ['--publish', `127.0.0.1::${port}`] : [];
    return new Container(name, [...publish, ...variables, ...options, image], port);
  }

  /**
   * Where the host reaches it, once it answers there, whatever it logs. Docker's proxy accepts connections much earlier.
   *
   * @throws when it ends before, or takes too long
   */
  async url(): Promise<string> {
    for (const end = performance.now() + START_MS; ; await delay(50)) {
      const url = await this.answering().catch(() => undefined);
      if (url !== undefined) return url;
      if (this.ended) throw this.failure('ended and did not answer');
      if (performance.now() > end) throw this.failure(`did not answer within ${START_MS} ms`);
    }
  }

  private async answering(): Promise<string> {
    const [address] = (await docker('port', this.name, `${this.containerPort}/tcp`)).split('\n');
    await fetch(`http://${address}/health/live`, { signal: AbortSignal.timeout(5000) });
    return `http://${address}`;
  }

  override kill(signal: NodeJS.Signals): void {
    execFileSync('docker', ['kill', '--signal', signal, this.name], { stdio: 'ignore' });
  }

  async inspect(format: string): Promise<string> {
    return docker('inspect', '--format', format, this.name);
  }

  /** Runs JavaScript inside the container, with the Node that the image has, and gives what it prints. */
  async evaluate(code: string): Promise<string> {
    return docker('exec', this.name, '/nodejs/bin/node', '--input-type=module', '--eval', code);
  }

  /** Waits for a state of the HEALTHCHECK. */
  async health(state: 'healthy' | 'unhealthy'): Promise<void> {
    while ((await this.inspect('{{.State.Health.Status}}')) !== state) await delay(100);
  }
}
