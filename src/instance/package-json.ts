import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface PackageJson {
  name: string;
  version: string;
}

/**
 * The name and version of this program, from the nearest package.json above this file that has a name. Some builds put
 * one without a name beside what they made.
 */
export const { name, version } = findPackageJson(import.meta.dirname);

function findPackageJson(folder: string): PackageJson {
  const file = join(folder, 'package.json');
  const content = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<PackageJson>) : {};
  return content.name === undefined ? findPackageJson(dirname(folder)) : (content as PackageJson);
}
