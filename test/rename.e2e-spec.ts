import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import packageJson from '../package.json' with { type: 'json' };
import { cloneProject } from './support/project.js';
import { start } from './support/service.js';

it("the README's line renames all but what is left for a person, and the service builds and serves", async () => {
  const cwd = cloneProject();
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd, encoding: 'utf8' });
  const [line] = /^git grep -lz .*$/m.exec(readFileSync('README.md', 'utf8'))!;
  run('sh', '-c', line.replace(/[^/]+(?=\/g'$)/, 'renamed'));
  const files = run('git', 'ls-files').trim().split('\n');
  const left = files.filter((file) => readFileSync(join(cwd, file), 'utf8').includes(packageJson.name));
  expect(left.filter((file) => file !== 'LICENSE')).toEqual([]);

  symlinkSync(resolve('node_modules'), join(cwd, 'node_modules'));
  run('npm', 'run', 'build');
  const { url } = await start({}, { program: join(cwd, 'dist/main.js') });
  expect(await (await fetch(url)).json()).toMatchObject({ name: 'renamed' });
});
