import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import packageJson from '../package.json' with { type: 'json' };
import { copyProject } from './support/project.js';
import { describeWith } from './support/requirement.js';
import { Program } from './support/service.js';

const ENVIRONMENT = { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', DRAIN_DELAY_MS: '100' };

/** How long a build and a start take at most, in milliseconds, where other tests build images meanwhile. */
const BUILD_MS = 240_000;

/** A process group of its own, as a shell gives each command. */
const npmIn = (cwd: string, ...args: string[]) => new Program('npm', args, { cwd, env: ENVIRONMENT, detached: true });

/** A copy of the project with what is built of it, and of its package. */
function copyBuilt(): string {
  const project = copyProject({ dependencies: true });
  for (const folder of ['packages/port-binding/dist', 'dist'].filter((each) => existsSync(each))) {
    cpSync(folder, join(project, folder), { recursive: true });
  }
  return project;
}

async function npmStart(project: string): Promise<{ npm: Program; port: number }> {
  const npm = npmIn(project, 'start');
  return { npm, port: await npm.listening(BUILD_MS) };
}

/** Stops a service that serves, and everything that has started it. */
async function stop(npm: Program): Promise<void> {
  npm.kill('SIGTERM');
  await npm.exit;
}

const builtAt = (project: string) => statSync(join(project, 'dist/main.js')).mtimeMs;

/** Makes a file look changed after the build. */
function touch(file: string): void {
  const later = new Date(Date.now() + 60_000);
  utimesSync(file, later, later);
}

/** Waits until no process of the group is left. */
async function gone(group: number): Promise<void> {
  for (;;) {
    try {
      process.kill(-group, 0);
    } catch {
      return;
    }
    await delay(20);
  }
}

it('npm start builds and serves, and leaves nothing behind when npm gets SIGTERM', async () => {
  const { npm, port } = await npmStart(copyProject({ dependencies: true }));
  expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
  npm.kill('SIGTERM');
  await npm.exit;
  await gone(npm.process.pid!);
  expect(npm.log.map(({ message }) => message)).toContain('Done: every request is answered');
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});

it('npm start leaves nothing behind when Ctrl-C reaches the whole process group', async () => {
  const { npm, port } = await npmStart(copyBuilt());
  process.kill(-npm.process.pid!, 'SIGINT');
  await npm.exit;
  await gone(npm.process.pid!);
  expect(npm.log.map(({ message }) => message)).toContain('Done: every request is answered');
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});

it('npm run start:dev serves a change on the same port, without waiting for a drain', async () => {
  const cwd = copyProject({ dependencies: true });
  const port = await freePort();
  const npm = new Program('npm', ['run', 'start:dev'], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: String(port) },
    detached: true,
  });
  await npm.listening(BUILD_MS);

  const file = join(cwd, 'src/instance/instance.controller.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^ +name,$/m, "name: 'changed',"));
  const name = () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      async (response) => ((await response.json()) as { name: string }).name,
      () => undefined, // between the old program and the new one
    );
  while ((await name()) !== 'changed') await delay(100);
  expect(npm.stderr).not.toContain('is taken');
  process.kill(-npm.process.pid!, 'SIGKILL');
});

it('npm start ends a build when npm gets SIGTERM, and starts nothing', async () => {
  const npm = npmIn(copyProject({ dependencies: true }), 'start');
  while (!npm.stdout.includes('nest build')) await delay(20);
  npm.kill('SIGTERM');
  await npm.exit;
  await gone(npm.process.pid!);
  expect(npm.log).toEqual([]);
});

describe('npm start of what is built', () => {
  let project: string;

  beforeAll(() => {
    project = copyBuilt();
  });

  it('builds nothing when no source has changed', async () => {
    const before = builtAt(project);
    const npm = npmIn(project, 'start');
    await npm.listening(BUILD_MS);
    await stop(npm);
    expect(builtAt(project)).toBe(before);
  });

  const sources = ['src/instance/instance.controller.ts', 'packages/port-binding/src/listen.ts', 'tsconfig.json'];
  it.each(sources.filter((each) => existsSync(each)))('builds again when %s has changed', async (file) => {
    const before = builtAt(project);
    touch(join(project, file));
    const npm = npmIn(project, 'start');
    await npm.listening(BUILD_MS);
    await stop(npm);
    expect(builtAt(project)).toBeGreaterThan(before);
    cpSync(file, join(project, file), { preserveTimestamps: true });
  });

  it('tells in a line when the build is missing, and the means to build', async () => {
    const bare = copyProject({ dependencies: false });
    const npm = npmIn(bare, 'start', '--silent');
    expect(await npm.exit).toMatchObject({ code: 1 });
    expect(npm.stderr).toBe(
      'There is no build to start, and nothing to build with: run npm ci && npm run build first.\n',
    );
  });

  describe('with production dependencies only', () => {
    beforeAll(() => {
      rmSync(join(project, 'node_modules'));
      execFileSync('npm', ['ci', '--omit=dev'], { cwd: project, stdio: 'pipe' });
      touch(join(project, 'src/main.ts')); // as a checkout may have it
    });

    it('starts it', async () => {
      expect(existsSync(join(project, 'node_modules/.bin/nest'))).toBe(false);
      const npm = npmIn(project, 'start');
      expect((await fetch(`http://127.0.0.1:${await npm.listening(BUILD_MS)}/health/ready`)).status).toBe(200);
      await stop(npm);
    });
  });
});

/** Runs a command in a folder as if that were on a read-only file system. */
const READ_ONLY = ['--map-root-user', '--mount', 'sh', '-c', 'mount --bind -o ro . . && cd "$PWD" && exec "$@"', 'sh'];

describeWith(
  spawnSync('unshare', [...READ_ONLY, 'true']).status === 0,
  'unshare with user namespaces',
  'It is part of util-linux; on Debian, sysctl kernel.unprivileged_userns_clone=1 allows it.',
)('npm start on a read-only file system', () => {
  it('starts what is built, although a source has changed', async () => {
    const project = copyBuilt();
    touch(join(project, 'src/main.ts'));
    expect(spawnSync('unshare', [...READ_ONLY, 'touch', 'src/main.ts'], { cwd: project }).status).not.toBe(0);
    const npm = new Program('unshare', [...READ_ONLY, 'npm', 'start'], { cwd: project, env: ENVIRONMENT });
    expect((await fetch(`http://127.0.0.1:${await npm.listening(BUILD_MS)}/health/ready`)).status).toBe(200);
    await stop(npm);
  });
});

describe('a Node.js that is too old', () => {
  const old = ['exec', '--yes', '--package=node@18', '--'];
  const line = /^This needs Node\.js 20\.19 or newer, and this is 18\.\d+\.$/m;

  it.each([
    ['the program', ['node', 'dist/main.js']],
    ['npm start', ['node', 'build-if-stale.mjs']],
  ])('is refused in a line by %s', async (_, command) => {
    const npm = new Program('npm', [...old, ...command], { env: ENVIRONMENT });
    expect(await npm.exit).toMatchObject({ code: 1 });
    expect(npm.stderr.trim()).toMatch(line);
    expect(npm.stdout).toBe('');
  });

  it('is older than what package.json asks for', () => {
    expect(packageJson.engines.node).toBe('>=20.19');
    expect(readFileSync('src/node-version.js', 'utf8')).toContain('Node.js 20.19 or newer');
  });
});
