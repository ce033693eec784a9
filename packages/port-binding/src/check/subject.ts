import type { Command } from './command.js';
import type { Endpoint, Exit, Program, Start } from './program.js';

export interface Options {
  /** The path that clients request. */
  path: string;
  /** The readiness path; without one, a connection that is accepted counts as ready. */
  ready?: string | undefined;
  /** A path whose answer takes a second or more. */
  slow?: string | undefined;
  /** How often the balancer checks readiness, and how many failed checks in a row take an instance out. */
  intervalMs: number;
  threshold: number;
  /** The time from SIGTERM to SIGKILL. */
  graceMs: number;
  /** How many requests a rolling deploy takes at least. */
  requests: number;
}

export const DEFAULTS: Options = {
  path: '/',
  // As many load balancers check by default, HAProxy among them.
  intervalMs: 2000,
  threshold: 2,
  // Docker, Compose and Cloud Run kill after ten seconds. Others wait longer.
  graceMs: 10_000,
  requests: 5000,
};

/** Of the platforms' limits on the time to listen, the shortest: https://devcenter.heroku.com/articles/error-codes (R10). */
export const START_LIMIT_MS = 60_000;

/** A program that serves, and where. */
export interface Serving {
  program: Program;
  port: number;
  endpoint: Endpoint;
  start: Start;
}

/** Why a program does not serve, in words. */
export class NotServing extends Error {}

/** The service under test: its command, and every program that the command has started. */
export class Subject {
  /** How long the command took to listen, once that has been measured. */
  msToListen = 0;
  private readonly programs = new Set<Program>();

  constructor(
    readonly command: Command,
    readonly options: Options,
    readonly progress: (text: string) => void = () => undefined,
  ) {}

  /** How long a program may take to refuse its port: gunicorn tries a taken one for five seconds. */
  get patienceMs(): number {
    return Math.min(START_LIMIT_MS, Math.max(10_000, 3 * this.msToListen));
  }

  /** Keeps a program in mind, so that it ends with the check. */
  watch(program: Program): Program {
    this.programs.add(program);
    return program;
  }

  /** Starts a program with this port, and waits until it serves, there or on another port. */
  async serve(requested: number, patienceMs = START_LIMIT_MS): Promise<Serving> {
    const program = this.watch(this.command.start(requested));
    const start = await program.start(patienceMs);
    const { port } = start.sockets.find((socket) => socket.port === requested) ?? start.sockets[0] ?? {};
    if (port === undefined) {
      await this.kill(program);
      throw new NotServing(withoutPort(program, start));
    }
    return { program, port, endpoint: await program.endpoint(port), start };
  }

  async kill(program: Program): Promise<void> {
    await program.kill();
    this.programs.delete(program);
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.programs].map((program) => this.kill(program)));
  }
}

/** The outcome of a start that has opened no port. */
export function withoutPort({ output }: Program, { exit, files, ms }: Start): string {
  if (exit) return `the program ${ended(exit)}${quoteLast(output)}`;
  if (files.length > 0) return `the program listens on the Unix socket ${files.join(', ')}, not on a port`;
  return `the program listens on no port after ${seconds(ms)}${quoteLast(output)}`;
}

export function ended({ code, signal }: Exit): string {
  return signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** The line that tells a person the most: the last one that speaks of an error, or else the last one. */
function quoteLast(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    // The lines of a stack trace begin with "at".
    .filter((line) => line !== '' && !line.startsWith('at '));
  const line =
    lines.findLast((each) => /error|in use|taken|refus|not found|cannot|invalid/i.test(each)) ?? lines.at(-1);
  return line === undefined ? '' : `: ${line.slice(0, 160).replace(/\.$/, '')}`;
}
