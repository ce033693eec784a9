import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import { Program, emptyFolder, run, start } from './service.js';

const REFUSED = /^The program ended and did not .*\nPORT is "no".*/;

it('a test whose program ends before it listens fails at once, with what that printed', async () => {
  await expect(start({ PORT: 'no' })).rejects.toThrow(REFUSED);
  await expect(run({ PORT: 'no' }).accepting(await freePort())).rejects.toThrow(REFUSED);
  await expect(run({ PORT: 'no' }).printed(/Listening/)).rejects.toThrow(REFUSED);
});

it('a test whose program cannot be started fails at once, and says why', async () => {
  await expect(new Program('/nowhere', [], {}).listening()).rejects.toThrow(/spawn \/nowhere ENOENT/);
});

it('a test whose program does not say what it should fails within its time', async () => {
  const program = join(emptyFolder(), 'silent.mjs');
  writeFileSync(program, 'setInterval(() => undefined, 1000);');
  await expect(run({}, { program }).logged(/Listening/, 100)).rejects.toThrow(
    /^The program did not log \/Listening\/ within 100 ms/,
  );
});
