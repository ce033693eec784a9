import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import packageJson from '../../package.json' with { type: 'json' };
import { ENVIRONMENT } from './environment.js';

/** The options that `npm start` gives to Node. */
const FLAGS = packageJson.scripts['start:prod'].split(' ').filter((word) => word.startsWith('--'));

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

  private readonly watchers = new Set<() => void>();

  constructor(command: string, args: string[], { env = process.env, ...options }: SpawnOptions) {
    this.process = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...ENVIRONMENT, ...env },
      ...options,
    });
    children.add(this.process);
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      this.stdout += `${line}\n`;
      if (line.startsWith('{')) this.log.push(JSON.parse(line) as LogLine);
      for (const look of this.watchers) look();
    });
    this.exit = new Promise((done, fail) => {
      this.process.once('error', fail);
      this.process.once('close', (code, signal) => {
        children.delete(this.process);
        done({ code, signal });
        for (const look of this.watchers) look();
      });
    });
  }

  /** The first log line, past or future, whose message matches; fails when the process ends without one. */
  async logged(message: RegExp): Promise<LogLine> {
    return new Promise((found, fail) => {
      const look = () => {
        const line = this.log.find((entry) => message.test(entry.message));
        if (line) {
          found(line);
        } else if (this.process.exitCode !== null || this.process.signalCode !== null) {
          fail(new Error(`ended without logging ${String(message)}\n${this.stdout}${this.stderr}`));
        } else {
          return;
        }
        this.watchers.delete(look);
      };
      this.watchers.add(look);
      look();
    });
  }

  /** The bound port, once the service says that it listens. */
  async listening(): Promise<number> {
    return (await this.logged(/^Listening on port \d+$/))['port'] as number;
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

/** An empty folder to run in: no `.env` of the developer's, and a place where a stray file would show. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'port-binding-'));
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

/** Runs the built service, as the package's own scripts do, with these variables and no others. */
export function run(env: Record<string, string> = {}, options: RunOptions = {}): Program {
  const { execArgv = [], via = [], program = resolve('dist/main.js'), ...rest } = options;
  const [command, ...args] = [...via, process.execPath, ...execArgv, ...FLAGS, program];
  return new Program(command, args, {
    cwd: emptyFolder(),
    env: { PATH: process.env['PATH'], ...env },
    ...rest,
  });
}

/** Runs the built service and waits until it listens, on a port that the operating system chooses. */
export async function start(env: Record<string, string> = {}, options: RunOptions = {}) {
  const service = run({ PORT: '0', ...env }, options);
  const port = await service.listening();
  return { service, port, url: `http://127.0.0.1:${port}` };
}
