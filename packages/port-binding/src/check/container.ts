import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Listening, listeningInNetworkOf } from '../sockets.js';
import { CHECK, MARK } from './family.js';
import { type Endpoint, Program } from './program.js';

let count = 0;

/** Is this `docker run …`, or podman's? */
export function runsContainer([command = '', subcommand]: string[]): boolean {
  return ['docker', 'podman'].includes(basename(command)) && subcommand === 'run';
}

/**
 * A container that `docker run` starts in the foreground. Between `run` and the options of the user stand a name, a label,
 * PORT, and the publishing of that port on the loopback; without PORT, Docker publishes the ports that the image exposes.
 */
export class Container extends Program {
  private readonly engine: string;
  private readonly name: string;
  private pid: number | undefined;

  constructor([engine = '', run = '', ...words]: string[], env: NodeJS.ProcessEnv, requested: number | undefined) {
    const name = `port-binding-check-${process.pid}-${count++}`;
    const { PORT } = env;
    const published = requested === undefined || requested === 0 ? ['-P'] : ['-p', `127.0.0.1::${requested}`];
    const options = ['--name', name, '--label', `${MARK}=${CHECK}`, ...published];
    super([engine, run, ...options, ...(PORT === undefined ? [] : ['-e', `PORT=${PORT}`]), ...words], env, requested);
    this.engine = engine;
    this.name = name;
  }

  /** The port of this machine to which Docker has mapped one of the container's. */
  override async endpoint(port: number): Promise<Endpoint> {
    const [mapped = ''] = (await this.ask('port', this.name, `${port}/tcp`)).split('\n');
    return { host: '127.0.0.1', port: Number(mapped.slice(mapped.lastIndexOf(':') + 1)) };
  }

  /** Docker accepts connections to a published port long before anything listens behind it. */
  protected override async accepts(): Promise<boolean> {
    return false;
  }

  override async sockets(): Promise<Listening[]> {
    this.pid ||= Number(await this.ask('inspect', '--format', '{{.State.Pid}}', this.name));
    return this.pid ? listeningInNetworkOf(this.pid) : [];
  }

  override files(): string[] {
    return []; // in the file system of the container, which goes with it
  }

  override async signal(signal: NodeJS.Signals): Promise<void> {
    // The engine may not have started the container yet.
    while (!this.exit && (await this.ask('kill', '--signal', signal, this.name)) === '') await delay(50);
  }

  override async remains(): Promise<number[]> {
    const pid = Number(await this.ask('inspect', '--format', '{{.State.Pid}}', this.name));
    return pid > 0 ? [pid] : [];
  }

  override async kill(): Promise<void> {
    // The engine may not have made the container yet.
    while (!this.exit && (await this.ask('inspect', '--format', '{{.Id}}', this.name)) === '') await delay(50);
    await this.ask('rm', '--force', '--volumes', this.name);
    await super.kill();
  }

  /** The engine's answer, which is empty for a container that it does not know, or no longer. */
  private async ask(...args: string[]): Promise<string> {
    return promisify(execFile)(this.engine, args).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    );
  }
}
