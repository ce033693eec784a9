import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { IMAGE } from './image.js';
import { copyProject, edit, importModule } from './project.js';
import { linesOf } from './readme.js';
import { describeWith } from './requirement.js';

const PACKAGES = [resolve('node_modules'), resolve('test/fork/node_modules')];

/** A `describe` for tests that need a fork of the project, with the packages that its features bring. */
export const describeWithForks = () =>
  describeWith(existsSync(PACKAGES[1]!), 'the packages of forks', 'Install them: npm ci --prefix test/fork');

export interface Fork {
  /** What the features ask of main.ts before `app.init()`. */
  lines?: string;
  /** What those import. */
  imports?: string;
  /** Changes of other files, by their paths. */
  edits?: Record<string, (text: string) => string>;
  /** False for the README's "Without the bundle". */
  bundle?: boolean;
}

/**
 * A fork of the project: a copy with features such as users bring, each a folder of `test/fork/`, in it and built.
 *
 * @returns what to run, as `run()` takes it
 * @throws what the build prints, when it fails
 */
export function buildFork(features: string[], fork: Fork = {}) {
  const project = copyWith(features, fork);
  linkPackages(join(project, 'node_modules'));
  const bundle = existsSync(join(project, 'speed'));
  // Where packages are linked to is not where they look for each other.
  if (bundle)
    edit(join(project, 'speed/rspack.config.js'), (text) => text.replace('resolve: {', '$& symlinks: false,'));
  run('npm', ['run', 'build'], project);
  return {
    program: join(project, 'dist/main.js'),
    // For the same reason: as if the packages were where they are linked to.
    execArgv: bundle ? [] : ['--preserve-symlinks', '--preserve-symlinks-main'],
  };
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
  // Another version each time: a step that the engine still has from last time would print nothing.
  const options = ['--network', 'host', '--build-arg', `VERSION=${Date.now()}`, '--tag', image];
  return { image, output: run('docker', ['build', ...options, '.'], project) };
}

function copyWith(features: string[], { lines, imports = '', edits = {}, bundle = true }: Fork): string {
  const project = copyProject({ dependencies: false });
  for (const file of ['Dockerfile', '.dockerignore']) cpSync(file, join(project, file));
  for (const feature of features) {
    cpSync(join('test/fork', feature), join(project, 'src', feature), { recursive: true });
    // StreamsModule for streams
    const name = feature.replace(/(^|\W)(\w)/g, (_, __, c: string) => c.toUpperCase());
    importModule(project, `${name}Module`, `./${feature}/${feature}.module.js`);
  }
  if (lines) edit(join(project, 'src/main.ts'), (text) => text.replace('await app.init();', `${lines}\n$&`) + imports);
  for (const [file, change] of Object.entries(edits)) edit(join(project, file), change);
  if (!bundle) run('sh', ['-ec', linesOf('Without the bundle')], project);
  return project;
}

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout + stderr);
  return stdout + stderr;
}

/** One folder with the packages of the project and those of the features, as if they had been installed together. */
function linkPackages(folder: string): void {
  for (const packages of PACKAGES) {
    for (const name of readdirSync(packages)) {
      const scope = name.startsWith('@');
      for (const each of scope ? readdirSync(join(packages, name)).map((inner) => join(name, inner)) : [name]) {
        mkdirSync(join(folder, scope ? name : ''), { recursive: true });
        if (!existsSync(join(folder, each))) symlinkSync(join(packages, each), join(folder, each));
      }
    }
  }
}
