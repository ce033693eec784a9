import { type SpawnOptions, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CLAUSES } from '../../src/check/check.js';
import { freePort } from '../../src/check/ports.js';

// A check starts a service up to fifty times, which takes minutes on a busy machine.
jest.setTimeout(900_000);

const CLI = resolve('packages/port-binding/bin.js');
const SERVICE = resolve('packages/port-binding/test/check/fixtures/service.mjs');
const QUICK = ['--ready', '/ready', '--interval', '0.1', '--grace', '15', '--requests', '500'];

let cwd: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'port-binding-check-'));
  env = { PATH: process.env['PATH'], DEFAULT_PORT: String(await freePort()), CHECKED_BY: String(process.pid) };
});

afterAll(() => rmSync(cwd, { recursive: true }));

function start(args: string[], options: SpawnOptions = {}) {
  return spawn(process.execPath, [CLI, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

async function run(...args: string[]) {
  const child = start(args);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { stdout, stderr, status };
}

/** The processes that tests of this file have started, by a variable that all of them have. */
function left(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`CHECKED_BY=${process.pid}\0`);
      } catch {
        return false; // It has just ended.
      }
    })
    .filter((pid) => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)![0] !== 'Z');
}

describe('a wrong call ends with status 2 and says what is wrong', () => {
  it.each([
    [[], 'There is no command "".'],
    [['check'], 'COMMAND is missing.'],
    [['check', '--nonsense', '--', 'true'], "Unknown option '--nonsense'"],
    [['check', '--path', 'health', '--', 'true'], '--path is "health": it must begin with a slash.'],
    [['check', '--threshold', '0', '--', 'true'], '--threshold is "0": it must be a whole number above 0.'],
    [['check', '--json', '--tap', '--', 'true'], '--json and --tap exclude each other.'],
  ])('%j', async (args, message) => {
    const { stdout, stderr, status } = await run(...args);
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 });
    expect(stderr.split('\n')[0]).toContain(message);
  });
});

it('--help describes every option and ends with status 0', async () => {
  const { stdout, status } = await run('check', '--help');
  expect(status).toBe(0);
  const source = readFileSync(resolve('packages/port-binding/src/check/cli.ts'), 'utf8');
  const options = [...source.matchAll(/^ {8}'?([a-z-]+)'?: \{ type:/gm)].map(([, name]) => `--${name}`);
  expect(options).toHaveLength(11);
  for (const option of options) expect(stdout).toContain(option);
});

it('npx finds it in a clone of this repository', () => {
  const help = execFileSync('npx', ['--no-install', 'port-binding', 'check', '--help'], { encoding: 'utf8' });
  expect(help).toMatch(/^Usage: port-binding check /);
});

it('--json ends with status 0 when every clause holds', async () => {
  const { stdout, status } = await run('check', ...QUICK, '--json', '--', process.execPath, SERVICE);
  const report = JSON.parse(stdout) as { holds: boolean; clauses: { id: string; outcome: string }[] };
  expect(report.clauses.filter(({ outcome }) => outcome !== 'holds')).toEqual([]);
  expect({ status, holds: report.holds }).toEqual({ status: 0, holds: true });
});

it('says in words what the platform does and what to change, and where to read more', async () => {
  const { stdout, stderr, status } = await run('check', ...QUICK, '--', process.execPath, SERVICE, 'loopback');
  expect({ stderr, status }).toEqual({ stderr: '', status: 1 });
  expect(stdout).toContain('18 of 20 clauses hold, 2 fail.');
  expect(stdout).toMatch(
    /✖ Listens on every IPv4 interface\n {2}Seen: bound to 127\.0\.0\.1\n {2}The platform: .+\n {2}Change: .+\n {2}More: \S+docs\/check\.md#ipv4/,
  );
});

it('--tap: a command that cannot be started fails the first clause, and the others are not checked', async () => {
  const { stdout, status } = await run('check', '--tap', '--', 'no-such-command');
  const lines = stdout.split('\n').filter((line) => /^(TAP|1\.\.|ok|not ok)/.test(line));
  expect(lines.slice(0, 3)).toEqual(['TAP version 14', '1..20', 'not ok 1 - given-port: Binds the port in PORT']);
  expect(lines.slice(3).every((line) => /^ok \d+ - .* # SKIP not checked: /.test(line))).toBe(true);
  expect(status).toBe(1);
});

it.each(CLAUSES)('docs/check.md explains $id', ({ id, title }) => {
  const documentation = readFileSync('docs/check.md', 'utf8');
  const [, section = ''] = documentation.split(`\n### ${id}\n`);
  expect(section.replaceAll('`', '')).toContain(`\n**${title}`);
});

describe('ends every process that it has started', () => {
  const DAEMON = ['sh', '-c', `setsid ${process.execPath} ${SERVICE} & wait`];

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('when it gets %s itself', async (signal) => {
    const check = start(['check', ...QUICK, '--', ...DAEMON]);
    check.stdout!.resume();
    while (left().length < 4) await new Promise((done) => setTimeout(done, 20)); // check, guardian, shell, service
    check.kill(signal);
    await once(check, 'exit');
    while (left().length > 0) await new Promise((done) => setTimeout(done, 20));
    expect(left()).toEqual([]);
  });

  it('and every port and file, over runs of ten services in a row', async () => {
    const faults = ['none', 'hard-coded', 'random-port', 'loopback', 'unvalidated', 'moves-on', 'cuts-off'];
    const commands = [
      ...faults.map((fault) => [process.execPath, SERVICE, fault]),
      DAEMON,
      ['sh', '-c', `${process.execPath} ${SERVICE} ignores-sigterm; true`],
      ['sleep', '1'],
    ];
    for (const command of commands) {
      await run('check', '--interval', '0.05', '--grace', '0.5', '--requests', '1', '--', ...command);
      expect(left()).toEqual([]);
      expect(readdirSync(cwd)).toEqual([]);
    }
    expect(commands).toHaveLength(10);
  });
});
