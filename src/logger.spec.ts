import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StdoutLogger } from './logger.js';

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
  it.each(['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const)('writes %s as one JSON object', (level) => {
    logger(false)[level]('text', { port: 1 }, 'Context');
    expect(written).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(written)).toMatchObject({ level, message: 'text', context: 'Context', port: 1 });
  });

  it('writes an error on one line, with its stack', () => {
    logger(false).error(new Error('boom'));
    expect(written).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(written)).toMatchObject({
      message: 'boom',
      error: { stack: expect.stringContaining('logger.spec') },
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

it("keeps Nest's account of its start-up for the debug level", () => {
  const quiet = logger(false);
  quiet.setLogLevels(['log']);
  quiet.log('Mapped {/, GET} route', 'RouterExplorer');
  expect(written).toBe('');
  quiet.setLogLevels(['debug']);
  quiet.log('Mapped {/, GET} route', 'RouterExplorer');
  expect(JSON.parse(written)).toMatchObject({ level: 'debug', message: 'Mapped {/, GET} route' });
});

it('leaves out what Nest says of an error that it throws on, and that ends the start', () => {
  logger(false).error(new Error('boom'), 'ExceptionHandler');
  expect(written).toBe('');
});
