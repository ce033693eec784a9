import { readFileSync } from 'node:fs';

/** The name and version of this program, from the package.json two folders above this file and above what is built of it. */
export const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};
