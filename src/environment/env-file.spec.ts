import { describe, expect, it } from '@jest/globals';
import { StartupError } from 'port-binding';
import { nearest, parseEnvFile } from './env-file.js';

describe('a .env file', () => {
  it('has variables, of which none is set to nothing', () => {
    expect(parseEnvFile(Buffer.from('PORT=5127\nHOST=\nexport NAME="a b"\n'))).toEqual({ PORT: '5127', NAME: 'a b' });
  });

  it('may begin with a byte order mark', () => {
    expect(parseEnvFile(Buffer.from('\ufeffPORT=5127\r\n'))).toEqual({ PORT: '5127' });
  });

  it('is not expanded: its values are literal', () => {
    expect(parseEnvFile(Buffer.from('REVISION=${SHA}\nPASSWORD=pa$$word\n'))).toEqual({
      REVISION: '${SHA}',
      PASSWORD: 'pa$$word',
    });
  });

  it.each([
    ['UTF-16 with a byte order mark', Buffer.from('\ufeffPORT=5127\n', 'utf16le')],
    ['UTF-16 without one', Buffer.from('PORT=5127\n', 'utf16le')],
    ['NUL bytes', Buffer.from('PORT=5127\0\n')],
    ['Latin-1', Buffer.from('NAME=café\n', 'latin1')],
  ])('is refused when it is not UTF-8 text: %s', (_, file) => {
    expect(() => parseEnvFile(file)).toThrow(StartupError);
    expect(() => parseEnvFile(file)).toThrow(/^Cannot read the .env file: it must be UTF-8 text .*$/);
  });
});

describe('the nearest known name', () => {
  const KNOWN = ['PORT', 'HOST', 'DRAIN_DELAY_MS', 'LOG_LEVEL', 'REVISION'];

  it.each([
    ['PROT', 'PORT'],
    ['port', 'PORT'],
    ['PORTS', 'PORT'],
    ['POT', 'PORT'],
    ['PORE', 'PORT'],
    ['loglevel', 'LOG_LEVEL'],
    ['DRAIN_DELAY', 'DRAIN_DELAY_MS'],
    ['DRAIN-DELAY-MS', 'DRAIN_DELAY_MS'],
    ['POST', 'PORT'], // HOST is as near, but comes later.
  ])('of %s is %s', (given, meant) => {
    expect(nearest(given, KNOWN)).toBe(meant);
  });

  it.each(['PATH', 'DB_PORT', 'DB_HOST', 'VERSION', 'JWT_SECRET', 'P', 'TROP'])('of %s is none of them', (given) => {
    expect(nearest(given, KNOWN)).toBeUndefined();
  });
});
