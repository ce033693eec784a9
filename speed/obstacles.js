// Finds the parts of a program that a bundle cannot carry, in the syntax trees of its modules.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parse } from 'acorn';
import { simple } from 'acorn-walk';
import { packageOf } from './packages.js';

/**
 * Packages that look for something by name, or beside themselves, and do without it: Nest for optional packages, Express
 * for template engines, pino for its transports. Such a package, if it is installed, is among the dependencies below.
 */
const DO_WITHOUT = new Set(['@nestjs/common', '@nestjs/core', '@nestjs/terminus', 'express', 'pino', 'thread-stream']);

/** Packages that wrap others while Node loads these one by one. */
const WRAPPERS = ['import-in-the-middle', 'require-in-the-middle'];

/**
 * @param files of all modules in the bundle
 * @param warnings of the bundler, about what it could not resolve
 * @returns a clause for each obstacle
 */
export function obstacles(project, files, warnings) {
  const built = join(project, 'dist');
  const shown = (file) => relative(project, file);
  const names = new Set(files.map((file) => packageOf(file)?.manifest.name));
  const own = new Set(files.filter((file) => file.startsWith(built)));
  const { dependencies = {} } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  const found = [];

  for (const name of WRAPPERS) {
    if (names.has(name)) found.push(`${name} wraps packages while Node loads them`);
  }
  for (const name of Object.keys(dependencies)) {
    if (!names.has(name) && !name.startsWith('@types/')) {
      found.push(`the dependency ${name} is not imported, so it is loaded by its name or not needed`);
    }
  }
  for (const file of filesIn(built)) {
    if (!own.has(file) && hasCode(file))
      found.push(`${shown(file)} is not imported, so it runs by itself or is not needed`);
  }
  for (const { file, message } of warnings) {
    if (!DO_WITHOUT.has(packageOf(file)?.manifest.name))
      found.push(`${shown(file)} loads what is known only at run time (${message})`);
  }
  for (const file of files.filter((each) => /\.[cm]?js$/.test(each))) {
    const isOwn = own.has(file);
    if (!isOwn && DO_WITHOUT.has(packageOf(file)?.manifest.name)) continue;
    for (const expression of lookingBeside(file)) {
      // Files of the build stay where they are, but modules of the build move to its root.
      if (!isOwn || dirname(file) !== built) found.push(`${shown(file)} looks beside itself (${expression})`);
    }
    if (isOwn && names.has('pino') && hasTransport(file)) found.push(`${shown(file)} gives pino a transport`);
  }
  return found;
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.[cm]?js$/.test(name))
    .map((name) => join(folder, name));
}

function treeOf(file) {
  const source = readFileSync(file, 'utf8');
  const options = { ecmaVersion: 'latest', allowHashBang: true };
  try {
    return parse(source, { ...options, sourceType: 'module' });
  } catch {
    return parse(source, { ...options, sourceType: 'script', allowReturnOutsideFunction: true });
  }
}

/** Types alone leave a file with nothing but `export {}`. */
function hasCode(file) {
  return treeOf(file).body.some(({ type, specifiers }) => type !== 'ExportNamedDeclaration' || specifiers.length > 0);
}

function lookingBeside(file) {
  const tree = treeOf(file);
  const found = new Set();
  /** The `import.meta` of each `new URL('…', import.meta.url)`: the bundler brings the file along. */
  const carried = new Set();
  simple(tree, {
    NewExpression: ({ callee, arguments: [path, base] }) =>
      callee.name === 'URL' && path?.type === 'Literal' && carried.add(base?.object),
  });
  simple(tree, {
    Identifier: ({ name }) => /^__(dir|file)name$/.test(name) && found.add(name),
    MetaProperty: (node) => node.meta.name === 'import' && !carried.has(node) && found.add('import.meta'),
  });
  return found;
}

function hasTransport(file) {
  let found = false;
  simple(treeOf(file), {
    Property: ({ key }) => (found ||= key.name === 'transport'),
    MemberExpression: ({ property }) => (found ||= property.name === 'transport'),
  });
  return found;
}
