import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { freePort } from './support/free-port.js';
import { copyProject } from './support/project.js';
import { Program } from './support/service.js';

async function npmStart(): Promise<{ npm: Program; port: number }> {
  const npm = new Program('npm', ['start'], {
    cwd: copyProject({ dependencies: true }),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', DRAIN_DELAY_MS: '100' },
    detached: true, // a process group of its own, as a shell gives each command
  });
  return { npm, port: await npm.listening() };
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
  const { npm, port } = await npmStart();
  expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
  npm.kill('SIGTERM');
  await npm.exit;
  await gone(npm.process.pid!);
  expect(npm.log.map(({ message }) => message)).toContain('Done: every request is answered');
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});

it('npm start leaves nothing behind when Ctrl-C reaches the whole process group', async () => {
  const { npm, port } = await npmStart();
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
  await npm.listening();

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
