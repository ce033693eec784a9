/** `port-binding check [options] -- COMMAND…` */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { check } from './check.js';
import type { Result } from './clause.js';
import { Command } from './command.js';
import { CHECK } from './family.js';
import { json, line, status, summary, tap } from './report.js';
import { DEFAULTS, type Options, Subject } from './subject.js';

const USAGE = `Usage: port-binding check [options] -- COMMAND…

Starts COMMAND as a platform does, and reports clause by clause whether it
obeys the twelve-factor rule of port binding. It sends GET, HEAD and POST
requests to the path, on this machine only, and ends all that it started.

  --path PATH         the path that clients request (${DEFAULTS.path})
  --ready PATH        the readiness path; without one, a connection that is
                      accepted counts as ready
  --slow PATH         a path whose answer takes a second or more; without one,
                      a request is slow because the client is
  --interval SECONDS  how often the balancer checks readiness (${DEFAULTS.intervalMs / 1000})
  --threshold COUNT   failed checks that take an instance out (${DEFAULTS.threshold})
  --grace SECONDS     the time between SIGTERM and SIGKILL (${DEFAULTS.graceMs / 1000})
  --requests COUNT    requests that a rolling deploy takes at least (${DEFAULTS.requests})
  --port-option=NAME  how COMMAND takes its port as an argument, if it does not
                      read PORT: --port-option=--port or =--listen=:
  --json, --tap       the report in another form
  --help              this text

The exit status is 0 if every clause holds, 1 if not, 2 for a wrong call.
`;

/** Why the check cannot be made as it was called. */
class WrongCall extends Error {}

interface Call {
  words: string[];
  options: Options;
  portOption: string | undefined;
  form: 'text' | 'json' | 'tap';
}

function read(args: string[]): Call | 'help' {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  const [verb, ...words] = positionals;
  if (verb !== 'check') throw new WrongCall(`There is no command "${verb ?? ''}".`);
  if (words.length === 0) throw new WrongCall('COMMAND is missing.');
  if (values.json && values.tap) throw new WrongCall('--json and --tap exclude each other.');
  for (const name of ['path', 'ready', 'slow'] as const) {
    if (values[name] !== undefined && !values[name].startsWith('/')) {
      throw new WrongCall(`--${name} is "${values[name]}": it must begin with a slash.`);
    }
  }
  return {
    words,
    portOption: values['port-option'],
    form: values.json ? 'json' : values.tap ? 'tap' : 'text',
    options: {
      path: values.path ?? DEFAULTS.path,
      ready: values.ready,
      slow: values.slow,
      intervalMs: 1000 * number('interval', values.interval, DEFAULTS.intervalMs / 1000),
      threshold: number('threshold', values.threshold, DEFAULTS.threshold),
      graceMs: 1000 * number('grace', values.grace, DEFAULTS.graceMs / 1000),
      requests: number('requests', values.requests, DEFAULTS.requests),
    },
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        path: { type: 'string' },
        ready: { type: 'string' },
        slow: { type: 'string' },
        interval: { type: 'string' },
        threshold: { type: 'string' },
        grace: { type: 'string' },
        requests: { type: 'string' },
        'port-option': { type: 'string' },
        json: { type: 'boolean' },
        tap: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new WrongCall((error as Error).message);
  }
}

function number(name: string, text: string | undefined, preset: number): number {
  if (text === undefined) return preset;
  const fraction = name === 'interval' || name === 'grace';
  if (!(fraction ? /^\d+(\.\d+)?$/ : /^\d+$/).test(text) || Number(text) === 0) {
    throw new WrongCall(`--${name} is "${text}": it must be a ${fraction ? 'number' : 'whole number'} above 0.`);
  }
  return Number(text);
}

async function main(): Promise<number> {
  const call = read(process.argv.slice(2));
  if (call === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (!existsSync('/proc/self/stat')) {
    throw new WrongCall('The check reads /proc: run it on Linux, or in a container.');
  }
  const command = new Command(call.words, call.portOption);
  const guardian = guard(command);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // The second time, nobody listens any more: the signal ends the check.
    process.once(signal, () => void dismiss(guardian).then(() => process.kill(process.pid, signal)));
  }
  try {
    return await report(command, call);
  } finally {
    await dismiss(guardian);
  }
}

async function report(command: Command, { options, form }: Call): Promise<number> {
  const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
  const watched = process.stderr.isTTY;
  const clear = () => watched && process.stderr.write('\r\x1b[K');
  const progress = (text: string) => {
    if (watched) process.stderr.write(`\r\x1b[K… ${text}`);
  };
  const results: Result[] = [];
  if (form === 'text') process.stdout.write(`port-binding check: ${command.text}\n\n`);
  for await (const result of check(new Subject(command, options, progress))) {
    clear();
    results.push(result);
    if (form === 'text') process.stdout.write(`${line(result, colours)}\n`);
  }
  clear();
  const forms = {
    text: () => `\n${summary(results, colours)}`,
    json: () => json(command.text, results),
    tap: () => tap(results),
  };
  process.stdout.write(`${forms[form]()}\n`);
  return status(results);
}

/** Starts the guardian, out of reach of a Ctrl-C in this terminal. */
function guard({ isContainer, words }: Command): ChildProcess {
  const file = join(dirname(realpathSync(process.argv[1]!)), 'dist/esm/check/guardian.js'); // seen from bin.js
  return spawn(process.execPath, [file, CHECK, ...(isContainer ? [words[0]!] : [])], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
}

/** Lets the guardian end what is left, and waits for it. */
async function dismiss(guardian: ChildProcess): Promise<void> {
  if (guardian.exitCode !== null) return;
  const exit = once(guardian, 'exit');
  guardian.stdin!.end();
  await exit;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const { message, stack } = error as Error;
    process.stderr.write(error instanceof WrongCall ? `${message}\n\n${USAGE}` : `${stack}\n`);
    process.exitCode = 2;
  },
);
