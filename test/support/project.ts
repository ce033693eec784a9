import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { emptyFolder } from './service.js';

/** What a build needs, as a clone has it. A fork may have deleted some of it. */
const SOURCES = [
  'LICENSE',
  'build-if-stale.mjs',
  'src',
  'nest-cli.json',
  'package.json',
  'package-lock.json',
  'packages',
  'speed',
  'tsconfig.build.json',
  'tsconfig.json',
  '.npmrc',
];

interface CopyOptions {
  dependencies: boolean;
  folder?: string | undefined;
}

/** A copy of the project to build in, as tests that run side by side must not rebuild `dist` under each other. */
export function copyProject({ dependencies, folder = emptyFolder() }: CopyOptions): string {
  for (const source of SOURCES.filter((each) => existsSync(each))) {
    cpSync(source, resolve(folder, source), { recursive: true, filter: isSource });
  }
  if (dependencies) symlinkSync(resolve('node_modules'), resolve(folder, 'node_modules'));
  return folder;
}

const isSource = (path: string) =>
  !/[\\/](node_modules|dist|coverage|\.git|\.cache|test[\\/]fork[\\/]port-binding-\w+)$/.test(path);

/** All of the project, as a repository of its own. */
export function cloneProject(): string {
  const folder = emptyFolder();
  cpSync(resolve('.'), folder, { recursive: true, filter: isSource });
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder });
  git('init', '--quiet');
  git('add', '--all');
  git('-c', 'user.name=a fork', '-c', 'user.email=fork@localhost', 'commit', '--quiet', '--message', 'Fork');
  return folder;
}

/** Changes a file, and fails if that leaves it as it is. */
export function edit(file: string, change: (text: string) => string, encoding: BufferEncoding = 'utf8'): void {
  const text = readFileSync(file, encoding);
  const changed = change(text);
  if (changed === text) throw new Error(`Nothing to change in ${file}`);
  writeFileSync(file, changed, encoding);
}

/** Puts a module into the imports of the root module of a project, as a person would. */
export function importModule(project: string, name: string, from: string): void {
  edit(
    join(project, 'src/app.module.ts'),
    (text) => `import { ${name} } from '${from}';\n${text.replace('imports: [', `imports: [${name}, `)}`,
  );
}

/** Puts lines into main.ts before the service listens, as a person would, and what they import. */
export function editMain(project: string, lines: string, imports: string): void {
  edit(join(project, 'src/main.ts'), (text) => text.replace(/^.*\bawait serve\(/m, `${lines}\n$&`) + imports);
}
