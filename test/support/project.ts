import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { emptyFolder } from './service.js';

/** What a build needs, as a clone has it; one without the bundle lacks `speed`. */
const SOURCES = [
  'LICENSE',
  'src',
  'nest-cli.json',
  'package.json',
  'package-lock.json',
  'speed',
  'tsconfig.build.json',
  'tsconfig.json',
  '.npmrc',
];

/** A copy of the project to build in, as tests that run side by side must not rebuild `dist` under each other. */
export function copyProject({ dependencies }: { dependencies: boolean }): string {
  const folder = emptyFolder();
  for (const source of SOURCES.filter((each) => existsSync(each))) {
    cpSync(source, resolve(folder, source), { recursive: true });
  }
  if (dependencies) symlinkSync(resolve('node_modules'), resolve(folder, 'node_modules'));
  return folder;
}

/** All of the project, as a repository of its own. */
export function cloneProject(): string {
  const folder = emptyFolder();
  cpSync(resolve('.'), folder, {
    recursive: true,
    filter: (source) => !/[\\/](node_modules|dist|coverage|\.git|\.cache)$/.test(source),
  });
  for (const args of [
    ['init', '--quiet'],
    ['add', '--all'],
  ])
    execFileSync('git', args, { cwd: folder });
  return folder;
}
