import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import { cloneProject } from '../support/project.js';
import { linesOf } from '../support/forking-guide.js';

/**
 * What is left to a person: the steps of the CI, sentences, and what is not there to ignore. The two tests look whether the
 * sources of the engine are here.
 */
const LEFT = new RegExp(
  '^(docs/|packages/|\\.ci/|\\.github/|README|CONTRIBUTING|CHANGELOG|\\.\\w+ignore$|\\.oxlintrc\\.json$|tsconfig\\.json$' +
    '|test/(npm-start|rolling)\\.e2e-spec\\.ts$)',
);

const DELETIONS = (linesOf('Delete what you do not need') + linesOf('Keep or delete the engine'))
  .replace(' && npm install port-binding', '') // It is installed.
  .replaceAll(/\\\n */g, '')
  .trim()
  .split('\n')
  .filter((line) => !line.startsWith('#'))
  .map((command) => [/^git rm (?:-r )?(\S+)/.exec(command)![1]!, command])
  .filter(([file]) => existsSync(file!)); // What this is may be a fork that has done so.

it.each(DELETIONS)(
  'a fork that deletes %s misses nothing, and nothing but its CI and its prose names it',
  (_, command) => {
    const cwd = cloneProject();
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd, encoding: 'utf8' });
    run('sh', '-ec', command);
    const deleted = run('git', 'diff', '--cached', '--name-only', '--diff-filter=D').trim().split('\n');
    const named = spawnSync('git', ['grep', '-lF', ...deleted.flatMap((file) => ['-e', file])], {
      cwd,
      encoding: 'utf8',
    });
    expect(named.stdout.split('\n').filter((file) => file && !LEFT.test(file))).toEqual([]);

    symlinkSync(resolve('node_modules'), join(cwd, 'node_modules'));
    run('npm', 'run', 'lint', '--ignore-scripts'); // which checks the types as well; the engine is built
  },
);
