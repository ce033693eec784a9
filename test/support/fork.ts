import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describeWith } from './requirement.js';
import { copyProject } from './project.js';

const PACKAGES = [resolve('node_modules'), resolve('test/fork/node_modules')];

/** A `describe` for tests that need a fork of the project, with the packages that its features bring. */
export const describeWithForks = () =>
  describeWith(existsSync(PACKAGES[1]!), 'the packages of forks', 'Install them: npm ci --prefix test/fork');

/**
 * A fork of the project: a copy with features such as users bring, each a folder of `test/fork/`, in it and built.
 *
 * @param lines what the features ask of main.ts before `app.init()`, and their imports
 * @returns the program
 */
export function buildFork(features: string[], lines = '', imports = ''): string {
  const project = copyProject({ dependencies: false });
  linkPackages(join(project, 'node_modules'));
  for (const feature of features) {
    cpSync(join('test/fork', feature), join(project, 'src', feature), { recursive: true });
  }

  // StreamsModule for streams: as a person would, into the imports of the root module.
  const modules = features.map(
    (feature) => `${feature.replace(/(^|\W)(\w)/g, (_, __, c: string) => c.toUpperCase())}Module`,
  );
  const importing = features.map(
    (feature, i) => `import { ${modules[i]} } from './${feature}/${feature}.module.js';\n`,
  );
  edit(
    join(project, 'src/app.module.ts'),
    (text) => importing.join('') + text.replace('imports: [', `imports: [${modules.join(', ')}, `),
  );
  edit(join(project, 'src/main.ts'), (text) => text.replace('await app.init();', `${lines}\n$&`) + imports);

  // Where packages are linked to is not where they look for each other.
  edit(join(project, 'speed/rspack.config.js'), (text) => text.replace('resolve: {', '$& symlinks: false,'));

  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  return join(project, 'dist/main.js');
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

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}
