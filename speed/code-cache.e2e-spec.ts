import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ENVIRONMENT } from '../test/support/environment.js';
import { Program, emptyFolder } from '../test/support/service.js';

let dist: string;
let cache: string;

beforeEach(() => {
  dist = join(emptyFolder(), 'dist');
  cache = join(dist, 'bundle.cache');
  cpSync(resolve('dist'), dist, { recursive: true });
  cpSync('package.json', join(dist, '../package.json'));
  rmSync(cache, { force: true });
});

/** Fills the cache, and returns what that says. */
function fill(env: Record<string, string> = {}, node = process.execPath): string {
  const { status, stdout, stderr } = spawnSync(node, [join(dist, 'fill.js')], {
    env: { PATH: process.env['PATH'], ...ENVIRONMENT, ...env },
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

/** Starts the program, ends it, and returns whether it used the cache. */
async function usesCache(execArgv: string[] = [], node = process.execPath): Promise<boolean> {
  const service = new Program(node, [...execArgv, '--enable-source-maps', join(dist, 'main.js')], {
    cwd: emptyFolder(),
    env: { PORT: '0', DRAIN_DELAY_MS: '0', NODE_DEBUG: 'code_cache' },
  });
  await service.listening();
  service.kill('SIGTERM');
  expect(await service.exit).toEqual({ code: 0, signal: null });
  const [, not] = /^CODE_CACHE \d+: (not )?used\n$/.exec(service.stderr)!;
  return not === undefined;
}

it('is used by the Node that has filled it', async () => {
  expect(fill()).toBe('');
  expect(await usesCache()).toBe(true);
});

it('holds the code of what runs until the first answers, not only that of what is loaded', async () => {
  fill();
  const filled = statSync(cache).size;
  rmSync(cache);
  fill({ HOST: 'nowhere.invalid' });
  expect(statSync(cache).size).toBeLessThan(0.95 * filled);
});

describe('is left alone, and the program starts all the same,', () => {
  it.each([
    ['there is none', () => rmSync(cache)],
    ['it is truncated', () => truncateSync(cache, statSync(cache).size - 1)],
    ['it is empty', () => truncateSync(cache)],
    ['it cannot be read', () => (rmSync(cache), mkdirSync(cache))],
    ...[0, 0.001, 0.5, 1].map((part) => [`it is garbled at ${part}`, () => garble(cache, part)] as const),
    ['the bundle has changed, and not in its length', () => change(join(dist, 'bundle.js'), 'Stopped ', 'stopped ')],
  ])('when %s', async (_, harm) => {
    fill();
    harm();
    expect(await usesCache()).toBe(false);
  });

  it('when Node runs with other flags that V8 compiles by', async () => {
    fill();
    expect(await usesCache(['--no-opt'])).toBe(false);
  });

  it('when another patch version of Node has filled it', async () => {
    const [older, newer] = [nodeOf('26.9.0'), nodeOf('26.10.0')];
    fill({}, older);
    expect(await usesCache([], older)).toBe(true);
    expect(await usesCache([], newer)).toBe(false);
  });
});

describe('filling', () => {
  it('says in a line why the program did not start, and keeps what was compiled until then', async () => {
    expect(fill({ HOST: 'nowhere.invalid' })).toMatch(/^Starts will be slower, .*: HOST nowhere\.invalid .*\n$/);
    expect(await usesCache()).toBe(true);
  });

  it("does not take another socket for the program's", () => {
    const other = `(await import('node:net')).createServer().listen(0).unref();`;
    expect(fill({ NODE_OPTIONS: `--import=${dataUrl(other)}` })).toBe('');
  });

  it('ends in time with a program that never listens, and with one that hangs', async () => {
    const fills = [
      `if (process.argv.length > 2) (await import('node:net')).Server.prototype.listen = function () { setInterval(() => {}, 1e6); return this; };`,
      `if (process.argv.length > 2) for (;;);`,
    ].map(async (code) => {
      const options = { env: { ...ENVIRONMENT, PATH: process.env['PATH'], NODE_OPTIONS: `--import=${dataUrl(code)}` } };
      const filling = spawn(process.execPath, [join(dist, 'fill.js')], options);
      let said = '';
      filling.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      const [status] = (await once(filling, 'close')) as [number];
      return { status, said };
    });
    for (const { status, said } of await Promise.all(fills)) {
      expect(status).toBe(0);
      expect(said).toMatch(/^Starts will be slower, .*\n$/);
    }
  });
});

const dataUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

/** The path of this version of Node, which npm has a package of. */
function nodeOf(version: string): string {
  const command = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
  return execFileSync('npm', command, { encoding: 'utf8' }).trim();
}

function garble(file: string, part: number): void {
  const bytes = readFileSync(file);
  const at = Math.floor(part * (bytes.length - 1));
  bytes[at] = bytes[at]! ^ 0xff;
  writeFileSync(file, bytes);
}

function change(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
}
