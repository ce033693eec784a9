import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';

let write: jest.Spied<typeof process.stderr.write>;
let exit: jest.Spied<typeof process.exit>;

beforeEach(() => {
  jest.resetModules();
  write = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  exit = jest.spyOn(process, 'exit').mockReturnValue(undefined as never);
});

afterEach(() => {
  jest.restoreAllMocks();
});

it('ends the process with status 1 and a line when the working directory is gone', async () => {
  const cwd = jest.spyOn(process, 'cwd').mockImplementation(() => {
    throw new Error('ENOENT: no such file or directory, uv_cwd');
  });
  await import('./working-directory.js');
  cwd.mockRestore();
  expect(write.mock.calls).toEqual([['The working directory is gone: start the service in one that exists.\n']]);
  expect(exit.mock.calls).toEqual([[1]]);
});

it('does nothing when it is there', async () => {
  await import('./working-directory.js');
  expect(exit).not.toHaveBeenCalled();
});
