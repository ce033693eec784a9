import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StdoutLogger } from './stdout-logger.js';

const isTTY = process.stdout.isTTY;
let written: string;

beforeEach(() => {
  written = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  jest.spyOn(process.stderr, 'write').mockImplementation(() => {
    throw new Error('wrote to standard error');
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  process.stdout.isTTY = isTTY;
});

function logger(terminal: boolean): StdoutLogger {
  process.stdout.isTTY = terminal;
  const all = new StdoutLogger();
  all.setLogLevels(['verbose']);
  return all;
}

describe('without a terminal', () => {
  it.each([
    ['fatal', 'CRITICAL', 'fatal'],
    ['error', 'ERROR', 'error'],
    ['warn', 'WARNING', 'warn'],
    ['log', 'INFO', 'info'],
    ['debug', 'DEBUG', 'debug'],
    ['verbose', 'DEBUG', 'trace'],
  ] as const)('writes %s as one JSON object, with severity %s and level %s', (method, severity, level) => {
    logger(false)[method]('text', { port: 1 }, 'Context');
    expect(written).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(written)).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      severity,
      level,
      pid: process.pid,
      message: 'text',
      context: 'Context',
      port: 1,
    });
  });

  it('keeps its own fields where an application has one with the same name', () => {
    logger(false).warn('text', { time: 'soon', severity: 'none', level: 'none', message: 'none' });
    expect(JSON.parse(written)).toMatchObject({
      time: expect.stringMatching(/Z$/),
      severity: 'WARNING',
      level: 'warn',
      message: 'text',
    });
  });

  it('writes an error on one line, with its stack', () => {
    logger(false).error(new Error('boom'));
    expect(written).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(written)).toMatchObject({
      message: 'boom',
      error: { stack: expect.stringContaining('stdout-logger.spec') },
    });
  });
});

describe('on a terminal', () => {
  it('writes text, with the stack of an error below', () => {
    const { stack } = new Error('boom');
    logger(true).error('it went wrong', stack, 'Context');
    expect(written).toContain('it went wrong');
    expect(written).toContain(stack);
    expect(written).not.toMatch(/^\{/);
  });
});

it('keeps what Nest reports at its start for the debug level', () => {
  const quiet = logger(false);
  quiet.setLogLevels(['log']);
  quiet.log('Mapped {/, GET} route', 'RouterExplorer');
  expect(written).toBe('');
  quiet.setLogLevels(['debug']);
  quiet.log('Mapped {/, GET} route', 'RouterExplorer');
  expect(JSON.parse(written)).toMatchObject({ level: 'debug', message: 'Mapped {/, GET} route' });
});

it('leaves out an error that Nest logs before it throws it', () => {
  logger(false).error(new Error('boom'), 'ExceptionHandler');
  expect(written).toBe('');
});
