import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH } from './contestants.js';

/** What a contestant puts beside Node where it is deployed: how many files, and how many MB they hold. */
export function sizeOf({ cwd, files, packages, installed = BENCH }) {
  // Node 20 keeps no compile cache.
  const sizes = [
    ...files.map((path) => join(cwd, path)),
    ...closure(packages, installed).map((path) => join(installed, path)),
  ]
    .filter((path) => existsSync(path))
    .flatMap(filesIn)
    .map((file) => statSync(file).size);
  return { files: sizes.length, megabytes: sizes.reduce((sum, size) => sum + size) / 1e6 };
}

/** The folders of these packages and of all that they depend on, as the lock file of this folder has them. */
function closure(names, folder) {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  const found = new Set();

  const add = (name, from) => {
    const path = resolve(name, from);
    // A dependency that is optional, or meant for another platform, need not be there.
    if (path && !found.has(path) && existsSync(join(folder, path))) {
      found.add(path);
      const { dependencies, optionalDependencies } = packages[path];
      Object.keys({ ...dependencies, ...optionalDependencies }).forEach((each) => add(each, path));
    }
  };
  // As Node looks for it: in the package itself, then in what surrounds it.
  const resolve = (name, from) => {
    const path = join(from, 'node_modules', name);
    if (packages[path] || !from) {
      return packages[path] && path;
    }
    return resolve(name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))));
  };

  names.forEach((name) => add(name, ''));
  return [...found];
}

/** The files of a package without those of the packages inside it, and without source maps, which serve no request. */
function filesIn(path) {
  if (statSync(path).isFile()) {
    return path.endsWith('.map') ? [] : [path];
  }
  return readdirSync(path)
    .filter((name) => name !== 'node_modules')
    .flatMap((name) => filesIn(join(path, name)));
}
