import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from '@jest/globals';
import { emptyFolder } from '../test/support/service.js';

let folder: string;

beforeEach(() => {
  folder = emptyFolder();
});

/** What a package with this manifest contributes to the notices. */
async function noticeOf(manifest: object): Promise<string> {
  const { notices, packagesOf } = (await import('./packages.js')) as {
    notices: (packages: unknown[]) => string;
    packagesOf: (files: string[]) => unknown[];
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'pause', version: '0.0.1', ...manifest }));
  return notices(packagesOf([join(folder, 'index.js'), join(folder, 'lib.js')]));
}

it.each([
  [{}, 'pause 0.0.1: no licence stated'],
  [{ license: 'MIT' }, 'pause 0.0.1: MIT'],
  [{ license: { type: 'ISC' } }, 'pause 0.0.1: ISC'],
  [{ licenses: [{ type: 'MIT' }, { type: 'Apache-2.0' }] }, 'pause 0.0.1: MIT, Apache-2.0'],
])('states the licence of a package with %j', async (manifest, notice) => {
  expect(await noticeOf(manifest)).toBe(`${notice}\n`);
});

it('quotes the licence files of a package, and reads over folders of that name', async () => {
  mkdirSync(join(folder, 'LICENSES'));
  mkdirSync(join(folder, 'licence'));
  writeFileSync(join(folder, 'LICENSE.md'), 'Permission is granted.\n');
  writeFileSync(join(folder, 'NOTICE'), 'Made by others.\n');
  expect(await noticeOf({ license: 'MIT' })).toBe('pause 0.0.1: MIT\n\nPermission is granted.\n\nMade by others.\n');
});

it('belongs to the nearest package with a name, not to a package.json that only states a module format', async () => {
  mkdirSync(join(folder, 'dist'));
  writeFileSync(join(folder, 'dist/package.json'), '{ "type": "commonjs" }');
  writeFileSync(join(folder, 'package.json'), '{ "name": "outer", "version": "1.0.0" }');
  const { packageOf } = (await import('./packages.js')) as { packageOf: (file: string) => { folder: string } };
  expect(packageOf(join(folder, 'dist/index.js')).folder).toBe(folder);
});
