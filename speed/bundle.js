// Makes the folder bundle/, which takes the place of dist/ and node_modules/: node speed/bundle.js [--bundle=auto|yes|no]
import { cpSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { rspack } from '@rspack/core';
import { obstacles } from './obstacles.js';
import { notices, packageOf, packagesOf, sbom } from './packages.js';
import { configuration } from './rspack.js';
import { tryOut } from './trial.js';

const { bundle } = parseArgs({ options: { bundle: { type: 'string', default: 'auto' } } }).values;
const project = process.cwd();
const built = join(project, 'dist');
const folder = join(project, 'bundle');

if (!['auto', 'yes', 'no'].includes(bundle)) throw new Error(`BUNDLE is "${bundle}": it must be auto, yes or no`);

try {
  rmSync(folder, { recursive: true, force: true });
  if (bundle === 'no') throw new Error('of BUNDLE=no');
  await compile();
  await tryBoth();
} catch (error) {
  rmSync(folder, { recursive: true, force: true });
  console.log(`Not bundled because ${error.message.split('\n')[0]}: starts take about six times as long.`);
  if (bundle === 'yes') process.exitCode = 1;
}

async function compile() {
  const compiler = rspack(configuration(project, folder));
  const modules = new Set();
  compiler.hooks.compilation.tap('modules', ({ hooks }) =>
    hooks.finishModules.tap('modules', (each) => [...each].forEach(({ resource }) => modules.add(resource))),
  );
  const stats = await promisify(compiler.run.bind(compiler))();
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  if (errors.length > 0) throw new Error(`${errors[0].moduleName} cannot be bundled (${firstLine(errors[0])})`);

  const files = [...modules].filter((file) => file && !file.startsWith(import.meta.dirname));
  const unresolved = warnings
    .filter(({ moduleName }) => moduleName)
    .map((warning) => ({
      file: join(project, warning.moduleName),
      message: firstLine(warning),
    }));
  const [obstacle] = obstacles(project, files, unresolved);
  if (obstacle) throw new Error(obstacle);

  const program = packageOf(join(built, 'main.js'));
  const packages = packagesOf(files).filter((each) => each.folder !== program.folder);
  writeFileSync(join(folder, 'licenses.txt'), notices(packages));
  writeFileSync(join(folder, 'bom.cdx.json'), sbom(program, packages));
  // Other files of the build, such as pages and translations, stay where they are.
  const isCode = /\.([cm]?js|[cm]?js\.map|d\.[cm]?ts|tsbuildinfo)$/;
  for (const name of readdirSync(built, { recursive: true })) {
    if (!isCode.test(name) && statSync(join(built, name)).isFile()) cpSync(join(built, name), join(folder, name));
  }
  cpSync(join(import.meta.dirname, 'loader.cjs'), join(folder, 'main.js'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
}

/** Starts the plain program and the bundled one, which keeps its code cache at its end. */
async function tryBoth() {
  const plain = await tryOut(join(built, 'main.js'), 'plain');
  const bundled = await tryOut(join(folder, 'main.js'), 'bundle');
  // A reason may name files, ports and process ids.
  const same = ({ answers, words }) =>
    answers ? words : words.replaceAll(built, '').replaceAll(folder, '').replaceAll(/\d+/g, '');
  if (same(bundled) !== same(plain)) {
    throw new Error(`it ${bundled.words} in a bundle, and ${plain.words} without one`);
  }
  if (!plain.answers) {
    console.log(
      `Bundled, but not seen to answer because it ${plain.words}, with and without a bundle: starts take somewhat longer.`,
    );
  }
}

function firstLine({ message }) {
  return message.replace(/^\W+/, '').split('\n')[0];
}
