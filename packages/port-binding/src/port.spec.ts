import { expect, it } from '@jest/globals';
import { parsePort } from './port.js';
import { StartupError } from './startup-error.js';

it.each([
  ['0', 0],
  ['1', 1],
  ['8080', 8080],
  ['65535', 65_535],
])('takes plain digits: %s', (text, port) => {
  expect(parsePort(text)).toBe(port);
});

it.each([
  '',
  'abc',
  ' 8080',
  '8080 ',
  '+80',
  '-1',
  '08080',
  '80.0',
  '8e3',
  '0x1F90',
  '65536',
  '123456',
  '٨٠٨٠',
  'tcp://10.0.0.1:80',
  '\\\\.\\pipe\\x',
])('refuses anything else, and shows it: %j', (text) => {
  expect(() => parsePort(text)).toThrow(StartupError);
  expect(() => parsePort(text)).toThrow(`The port is ${JSON.stringify(text)}: it must be 0 `);
});
