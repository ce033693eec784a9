import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { IMAGE } from './image.js';
import { copyProject, edit, editMain, importModule } from './project.js';
import { describeWith } from './requirement.js';
import { emptyFolder } from './service.js';

/** A `describe` for tests that need a fork of the project, with the packages that its features bring. */
export const describeWithForks = () =>
  describeWith(
    existsSync('test/fork/node_modules'),
    'the packages of forks',
    'Install them: npm ci --prefix test/fork',
  );

export interface Fork {
  /** What the features ask of main.ts before the service listens. */
  lines?: string;
  /** What those import. */
  imports?: string;
  /** Changes of other files, by their paths. */
  edits?: Record<string, (text: string) => string>;
}

/**
 * A fork of the project: a copy with features such as users bring, each a folder of `test/fork/`, in it and built.
 *
 * @returns what to run, as `run()` takes it
 * @throws what the build prints, when it fails
 */
export function buildFork(features: string[], fork: Fork = {}): { program: string } {
  // Where Node finds the packages of the features and of the project in one folder, as if installed together.
  const project = copyWith(features, fork, emptyFolder(resolve('test/fork')));
  // The engine finds the same Nest there. It is built already.
  for (const part of ['dist', 'package.json']) {
    cpSync(join('node_modules/port-binding', part), join(project, 'node_modules/port-binding', part), {
      recursive: true,
    });
  }
  run('npm', ['run', 'build', '--ignore-scripts'], project);
  return { program: join(project, 'dist/main.js') };
}

/**
 * The image of a fork, with the packages of its features installed as its users would.
 *
 * @returns its name, and what the build printed
 */
export function buildForkImage(features: string[], packages: string[], fork: Fork = {}) {
  const project = copyWith(features, fork);
  const { dependencies } = JSON.parse(readFileSync('test/fork/package.json', 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const pinned = packages.map((name) => `${name}@${dependencies[name]}`);
  run('npm', ['install', '--package-lock-only', '--save-exact', '--no-audit', ...pinned], project);
  const image = `${IMAGE}-${features.join('-')}`;
  // A step that the engine still has from last time would print nothing.
  edit(join(project, 'src/app.module.ts'), (text) => `${text}// built at ${Date.now()}\n`);
  const options = ['--network', 'host', '--tag', image];
  return { image, output: run('docker', ['build', ...options, '.'], project) };
}

function copyWith(features: string[], { lines, imports = '', edits = {} }: Fork, folder?: string): string {
  const project = copyProject({ dependencies: false, folder });
  for (const file of ['Dockerfile', '.dockerignore']) cpSync(file, join(project, file));
  for (const feature of features) {
    cpSync(join('test/fork', feature), join(project, 'src', feature), { recursive: true });
    // StreamsModule for streams
    const name = feature.replace(/(^|\W)(\w)/g, (_, __, c: string) => c.toUpperCase());
    importModule(project, `${name}Module`, `./${feature}/${feature}.module.js`);
  }
  if (lines) editMain(project, lines, imports);
  for (const [file, change] of Object.entries(edits)) edit(join(project, file), change);
  return project;
}

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout + stderr);
  return stdout + stderr;
}
