import { expect, it } from '@jest/globals';
import { builtIn } from './lazy.js';

function external(request: string): unknown {
  let found: string | undefined;
  builtIn({ request }, (_: unknown, text: string | undefined) => (found = text));
  // oxlint-disable-next-line no-eval -- As the bundler writes it into the bundle.
  return found && (0, eval)(`(${found.replace(/^var /, '')})`);
}

it('takes the modules of Node from it, by either name, and leaves packages to the bundler', async () => {
  expect(external('path')).toBe(await import('node:path').then((module) => module.default));
  expect(external('node:path')).toBe(external('path'));
  expect(external('express')).toBeUndefined();
});

it('does to the real module what is done to a deferred one', async () => {
  const zlib = external('zlib') as Record<string, unknown>;
  const real = (await import('node:zlib')).default as unknown as Record<string, unknown>;
  expect(zlib['gzipSync']).toBe(real['gzipSync']);
  expect('gzipSync' in zlib).toBe(true);
  expect('nothing' in zlib).toBe(false);
  expect(zlib['__esModule']).toBeUndefined();
  zlib['patched'] = 1;
  expect(real['patched']).toBe(1);
  delete zlib['patched'];
  expect('patched' in real).toBe(false);
});
