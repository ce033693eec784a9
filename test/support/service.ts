import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import packageJson from '../../package.json' with { type: 'json' };
import { ENVIRONMENT } from './environment.js';
import { reachable } from './reachable.js';

/** The options that `npm start` gives to Node. */
const FLAGS = packageJson.scripts['start:prod'].split(' ').filter((word) => word.startsWith('--'));

/** How long a program may take to listen, on a busy machine. */
export const START_MS = 60_000;

const children = new Set<ChildProcess>();
const folders = new Set<string>();

const cleaners = new Set<() => void>();

/** Adds to what `cleanUp` does. */
export function onCleanUp(cleaner: () => void): void {
  cleaners.add(cleaner);
}

/** Ends every program and removes every folder that is left. */
export function cleanUp(): void {
  for (const clean of cleaners) clean();
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true });
  folders.clear();
}

process.on('exit', cleanUp);

export interface LogLine {
  level: string;
  message: string;
  [field: string]: unknown;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A program under test: the built service, or whatever starts it. */
export class Program {
  readonly process: ChildProcess;
  /** Settles when the process has ended and its output is complete. */
  readonly exit: Promise<Exit>;
  readonly log: LogLine[] = [];
  stdout = '';
  stderr = '';

  protected ended = false;
  private readonly watchers = new Set<() => void>();

  constructor(command: string, args: string[], { env = process.env, ...options }: SpawnOptions) {
    this.process = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...ENVIRONMENT, ...env },
      ...options,
    });
    children.add(this.process);
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.look();
    });
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      this.stdout += `${line}\n`;
      const entry = parse(line);
      if (entry) this.log.push(entry);
      this.look();
    });
    this.exit = new Promise((done, fail) => {
      const end = () => {
        this.ended = true;
        children.delete(this.process);
        this.look();
      };
      this.process.once('error', (error) => {
        this.stderr += error.message;
        fail(error);
        end();
      });
      this.process.once('close', (code, signal) => {
        done({ code, signal });
        end();
      });
    });
    this.exit.catch(() => undefined); // for a test that does not ask
  }

  /**
   * The first log line, past or future, whose message matches.
   *
   * @throws when the program ends without one, or takes longer than `withinMs`
   */
  logged(message: RegExp, withinMs = Infinity): Promise<LogLine> {
    const find = () => this.log.find((entry) => message.test(entry.message));
    return this.until(find, `log ${String(message)}`, withinMs);
  }

  /**
   * All output, once it matches, whichever logger it comes from.
   *
   * @throws when the program ends before, or takes longer than a start may
   */
  printed(pattern: RegExp): Promise<string> {
    const find = () => [this.stdout + this.stderr].find((text) => pattern.test(text));
    return this.until(find, `print ${String(pattern)}`, START_MS);
  }

  private until<T>(find: () => T | undefined, what: string, withinMs: number): Promise<T> {
    return new Promise((found, fail) => {
      const look = () => {
        const result = find();
        if (result !== undefined) found(result);
        else if (this.ended) fail(this.failure(`ended and did not ${what}`));
        else return;
        this.watchers.delete(look);
      };
      this.watchers.add(look);
      look();
      if (withinMs === Infinity) return;
      void delay(withinMs, undefined, { ref: false }).then(() => {
        fail(this.failure(`did not ${what} within ${withinMs} ms`));
      });
    });
  }

  private look(): void {
    for (const watcher of this.watchers) watcher();
  }

  /** The bound port, once the service says that it listens. */
  async listening(withinMs = START_MS): Promise<number> {
    return (await this.logged(/^Listening on port \d+$/, withinMs))['port'] as number;
  }

  /**
   * Waits until the program accepts connections, whatever it logs.
   *
   * @throws when it ends before, or takes too long
   */
  async accepting(port: number, host = '127.0.0.1'): Promise<void> {
    for (const end = performance.now() + START_MS; !(await reachable(port, host)); await delay(20)) {
      if (this.ended) throw this.failure(`ended and did not listen on port ${port}`);
      if (performance.now() > end) throw this.failure(`did not listen on port ${port} within ${START_MS} ms`);
    }
  }

  protected failure(what: string): Error {
    return new Error(`The program ${what}.\n${this.stdout}${this.stderr}`);
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

/** A line of the log, unless it is in another format: a fork may have a logger of its own. */
function parse(line: string): LogLine | undefined {
  try {
    return line.startsWith('{') ? (JSON.parse(line) as LogLine) : undefined;
  } catch {
    return undefined;
  }
}

/** An empty folder to run in: no `.env` of the developer's, and a place where a stray file would show. */
export function emptyFolder(within = tmpdir()): string {
  const folder = mkdtempSync(join(within, 'port-binding-'));
  folders.add(folder);
  return folder;
}

export interface RunOptions extends SpawnOptions {
  /** Options of Node itself, before the program. */
  execArgv?: string[];
  /** A command to run it with. */
  via?: string[];
  /** The program, if not the one that is built here. */
  program?: string;
}

/** The command that runs the built service, as the package's own scripts do. */
export function commandOf({ execArgv = [], via = [], program = resolve('dist/main.js') }: RunOptions = {}): string[] {
  return [...via, process.execPath, ...execArgv, ...FLAGS, program];
}

/** Runs the built service with these variables and no others. */
export function run(env: Record<string, string> = {}, options: RunOptions = {}): Program {
  const [command, ...args] = commandOf(options);
  return new Program(command!, args, {
    cwd: emptyFolder(),
    env: { PATH: process.env['PATH'], ...env },
    ...options,
  });
}

/** Runs the built service and waits until it listens, on a port that the operating system chooses. */
export async function start(env: Record<string, string> = {}, options: RunOptions = {}) {
  const service = run({ PORT: '0', ...env }, options);
  const port = await service.listening();
  return { service, port, url: `http://127.0.0.1:${port}` };
}
