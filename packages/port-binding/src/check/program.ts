import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, unlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Listening, attempt, listening, listeningOnFiles } from '../sockets.js';
import { accepts } from './client.js';
import { CHECK, Family, MARK } from './family.js';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Endpoint {
  host: string;
  port: number;
}

/** The outcome of a start: the sockets of the program, its end, or neither within the time that it had. */
export interface Start {
  sockets: Listening[];
  files: string[];
  exit: Exit | undefined;
  /** From the start of the command, in milliseconds. */
  ms: number;
}

/** How long a program that listens, but not on the requested port, may take to open that as well. */
const SETTLE_MS = 1000;

const LOOK_MS = 20;

/** As much of the output as a report may need. */
const OUTPUT_LENGTH = 20_000;

let count = 0;

/** A command that runs as a platform runs it: with `PORT`, without a terminal, and in a process group of its own. */
export class Program {
  output = '';
  exit: Exit | undefined;
  /** Settles when the command itself has ended. */
  readonly ended: Promise<Exit>;

  protected readonly child: ChildProcess;
  private readonly began = performance.now();
  private readonly family: Family | undefined;

  /** @param requested the port to wait for, if the program was given one */
  constructor(
    words: string[],
    env: NodeJS.ProcessEnv,
    readonly requested: number | undefined,
  ) {
    const [command = '', ...args] = words;
    const mark = `${CHECK}.${count++}`;
    this.child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, [MARK]: mark },
    });
    this.family = this.child.pid === undefined ? undefined : new Family(this.child.pid, mark);
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-OUTPUT_LENGTH);
      });
    }
    this.ended = new Promise((done) => {
      const end = (exit: Exit) => done((this.exit ??= exit));
      this.child.once('error', (error) => {
        this.output += error.message;
        end({ code: 127, signal: null });
      });
      // 'exit' and not 'close': a descendant that outlives the command keeps its output open.
      this.child.once('exit', (code, signal) => end({ code, signal }));
    });
  }

  /** Where clients on this machine reach the port, if another than the requested one is open. */
  async endpoint(port: number): Promise<Endpoint> {
    return { host: '127.0.0.1', port };
  }

  /** @param now whether it has to be what is so now, and not a moment ago */
  async sockets(now = true): Promise<Listening[]> {
    return listening(this.processes(now));
  }

  protected async accepts(): Promise<boolean> {
    return this.requested !== undefined && accepts(await this.endpoint(this.requested));
  }

  /** The Unix sockets on which it listens. */
  files(): string[] {
    return listeningOnFiles(this.processes(false));
  }

  /** Waits until the program listens on the requested port, has settled on something else, or has ended. */
  async start(patienceMs: number): Promise<Start> {
    for (let settling: number | undefined; ; await delay(LOOK_MS)) {
      // A connection is the quicker way to see that it listens. The kernel knows on which address.
      const open = await this.accepts();
      const { exit } = this;
      const ms = Math.round(performance.now() - this.began);
      const [sockets, files] = exit ? [[], []] : [await this.sockets(open), this.files()];
      if (sockets.length + files.length > 0) settling ??= ms;
      if (
        exit ||
        ms > patienceMs ||
        sockets.some(({ port }) => port === this.requested) ||
        (settling !== undefined && ms - settling > SETTLE_MS)
      ) {
        // The last lines of a command may arrive after its exit.
        if (exit) await delay(LOOK_MS);
        return { sockets, files, exit, ms };
      }
    }
  }

  /** Sends a signal as a platform does: to the command, and not to what that has started. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
  }

  /** Whether the command ends by itself within a time. */
  async endsWithin(ms: number): Promise<boolean> {
    const timer = new AbortController();
    const late = delay(ms, false, { signal: timer.signal }).catch(() => false);
    const result = await Promise.race([this.ended.then(() => true), late]);
    timer.abort();
    return result;
  }

  /** The processes of it that still run. */
  async remains(): Promise<number[]> {
    return this.processes();
  }

  /** Ends every process of it, and removes the Unix sockets that it made. */
  async kill(): Promise<void> {
    const files = this.files();
    // More than once: a process may start another one while we look.
    for (let left = this.processes(); left.length > 0; left = this.processes()) {
      for (const pid of left) attempt(() => [process.kill(pid, 'SIGKILL')]);
      await delay(LOOK_MS * 2);
    }
    for (const file of files) attempt(() => [lstatSync(file).isSocket() && unlinkSync(file)]);
    this.child.stdout!.destroy();
    this.child.stderr!.destroy();
    if (this.child.pid !== undefined) await this.ended;
  }

  private processes(now = true): number[] {
    return this.family?.living(now ? 'new' : 'recent') ?? [];
  }
}
