import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of this package, whose package.json is one folder up from here and from what is built of this file. */
export const { name, version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
  name: string;
  version: string;
};
