import tty from 'node:tty';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import type { TerminationSignal } from './signals.js';

const first = jest.fn();
const second = jest.fn();
const { connected } = process;
let exit: jest.Spied<typeof process.exit>;
let onTermination: typeof import('./signals.js').onTermination;

beforeEach(async () => {
  jest.resetModules();
  jest.resetAllMocks();
  globalThis.portBindingSignals = undefined;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.removeAllListeners(signal);
  process.connected = false; // Jest has a channel to its workers.
  jest.spyOn(tty, 'isatty').mockReturnValue(false);
  exit = jest.spyOn(process, 'exit').mockReturnValue(undefined as never);
  ({ onTermination } = await import('./signals.js'));
});

afterEach(() => {
  jest.useRealTimers().restoreAllMocks();
  process.connected = connected;
});

const send = (signal: TerminationSignal) => process.emit(signal, signal);

it.each(['SIGTERM', 'SIGINT'] as const)('ends the process with status 0 on %s while it starts', (signal) => {
  send(signal);
  expect(exit.mock.calls).toEqual([[0]]);
});

it.each(['SIGTERM', 'SIGINT'] as const)('calls the first handler with %s once there is one', (signal) => {
  onTermination(first, second);
  send(signal);
  expect(first.mock.calls).toEqual([[signal]]);
  expect(exit).not.toHaveBeenCalled();
});

it('takes SIGINT for SIGTERM when a process manager sends it, which keeps a channel', () => {
  process.connected = true;
  onTermination(first, second);
  send('SIGINT');
  expect(first.mock.calls).toEqual([['SIGTERM']]);
});

it('takes SIGINT for Ctrl-C on a terminal, whoever keeps a channel', async () => {
  process.connected = true;
  jest.mocked(tty.isatty).mockReturnValue(true);
  jest.resetModules();
  globalThis.portBindingSignals = undefined;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.removeAllListeners(signal);
  ({ onTermination } = await import('./signals.js'));
  onTermination(first, second);
  send('SIGINT');
  expect(first.mock.calls).toEqual([['SIGINT']]);
});

it('calls the second handler with a second signal, but not with echoes of the first', () => {
  jest.useFakeTimers();
  onTermination(first, second);
  send('SIGTERM');
  send('SIGTERM');
  jest.advanceTimersByTime(249);
  send('SIGINT');
  expect(second).not.toHaveBeenCalled();
  jest.advanceTimersByTime(2);
  send('SIGINT');
  expect(second.mock.calls).toEqual([['SIGINT']]);
  expect(first).toHaveBeenCalledTimes(1);
});

it('takes a signal for an echo that came in time, but was handled late by a busy program', async () => {
  onTermination(first, second);
  send('SIGTERM');
  const handled = new Promise((done) => setTimeout(done, 1)); // behind the handler, as signals are
  for (const end = performance.now() + 300; performance.now() < end;);
  await handled;
  send('SIGTERM');
  expect(second).not.toHaveBeenCalled();
});

it('has one listener for each signal, however many copies of the package are loaded', async () => {
  onTermination(first, second);
  jest.resetModules();
  await import('./signals.js');
  expect(process.listenerCount('SIGTERM')).toBe(1);
  send('SIGTERM');
  expect(first.mock.calls).toEqual([['SIGTERM']]);
  expect(exit).not.toHaveBeenCalled();
});
