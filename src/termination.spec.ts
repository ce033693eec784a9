import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';

let exit: jest.Spied<typeof process.exit>;
let onTermination: typeof import('./termination.js').onTermination;

beforeEach(async () => {
  jest.resetModules();
  process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT');
  exit = jest.spyOn(process, 'exit').mockReturnValue(undefined as never);
  ({ onTermination } = await import('./termination.js'));
});

afterEach(() => {
  jest.restoreAllMocks();
});

it.each(['SIGTERM', 'SIGINT'] as const)('ends the process with status 0 on %s while it starts', (signal) => {
  process.emit(signal);
  expect(exit.mock.calls).toEqual([[0]]);
});

it.each(['SIGTERM', 'SIGINT'] as const)('calls the handler with %s once there is one', (signal) => {
  const handler = jest.fn();
  onTermination(handler);
  process.emit(signal);
  expect(handler.mock.calls).toEqual([[signal]]);
  expect(exit).not.toHaveBeenCalled();
});

it('ends the process with status 1 on a second signal, but not on an echo of the first', () => {
  const now = jest.spyOn(performance, 'now').mockReturnValue(1000);
  const handler = jest.fn();
  onTermination(handler);
  process.emit('SIGTERM');
  now.mockReturnValue(1250);
  process.emit('SIGTERM');
  expect(exit).not.toHaveBeenCalled();
  now.mockReturnValue(1251);
  process.emit('SIGINT');
  expect(exit.mock.calls).toEqual([[1]]);
  expect(handler).toHaveBeenCalledTimes(1);
});
