import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import { HAPROXY, HAProxy } from './balancers/haproxy.js';
import { rollingDeploy } from './rolling/deploy.js';
import { copyProject } from './support/project.js';
import { describeWith } from './support/requirement.js';

const twice = async () => ({ balancer: await HAProxy.start('inter 200ms fall 2'), times: 2, requests: 10_000 });

describeWith(
  HAPROXY !== undefined,
  'HAProxy',
  'Install it: apt-get install haproxy',
)('a rolling deploy under load', () => {
  it('loses no request of 10,000 while every instance is replaced, twice over', async () => {
    const { sent, losses, exits } = await rollingDeploy({ ...(await twice()), env: { DRAIN_DELAY_MS: '3000' } });
    expect(losses).toEqual({});
    expect(sent).toBeGreaterThanOrEqual(10_000);
    expect(exits).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('loses some without a drain delay, or the test above could not fail', async () => {
    const { lost } = await rollingDeploy({ ...(await twice()), env: { DRAIN_DELAY_MS: '0' } });
    expect(lost).toBeGreaterThan(0);
  });

  describeWith(
    existsSync('packages/port-binding/src'),
    'the sources of the engine',
    'They are in the repository of port-binding.',
  )('without the lingering close', () => {
    it('loses some, or its load would not show it', async () => {
      const project = copyProject({ dependencies: false });
      // With the engine of the copy, and all other packages from here.
      const modules = join(project, 'node_modules');
      mkdirSync(modules);
      for (const name of readdirSync('node_modules')) {
        if (name !== 'port-binding') symlinkSync(resolve('node_modules', name), join(modules, name));
      }
      symlinkSync('../packages/port-binding', join(modules, 'port-binding'));
      writeFileSync(
        join(project, 'packages/port-binding/src/connections/lingering-close.ts'),
        'export const lingeringClose = (...[, , , close]: [unknown, unknown, unknown, () => void]) => close();\n',
      );
      execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
      const program = join(project, 'dist/main.js');
      const { lost } = await rollingDeploy({ ...(await twice()), program, env: { DRAIN_DELAY_MS: '3000' } });
      expect(lost).toBeGreaterThan(0);
    });
  });
});
