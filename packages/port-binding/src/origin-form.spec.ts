import { expect, it } from '@jest/globals';
import { originForm } from './origin-form.js';

it.each([
  '/',
  '/health/ready?verbose=1',
  '//',
  '/..',
  '/%',
  '/%00',
  '/a?b?c',
  '/"<>\\^`{|}~',
  `/${'a'.repeat(16_000)}`,
])('is the target itself when that is in origin form: %s', (url) => {
  expect(originForm({ method: 'GET', url })).toBe(url);
});

it.each([
  ['http://example.com/health?x=http://y/', '/health?x=http://y/'],
  ['HTTP://example.com:8080/a/../b', '/a/../b'],
  ['https://example.com', '/'],
  ['http://[::1]:80?x=1', '/?x=1'],
])('is the path and query of the absolute form %s', (url, target) => {
  expect(originForm({ method: 'GET', url })).toBe(target);
});

it('is the root when OPTIONS asks for the whole server', () => {
  expect(originForm({ method: 'OPTIONS', url: '*' })).toBe('/');
});

it.each([
  undefined,
  '',
  '*',
  '?x',
  'example.com:80',
  'health',
  'ftp://example.com/',
  'http:/x',
  'http:///x',
  'http://[/',
  'http://[::1/',
  'http://a:b/',
  'http://a:99999/',
  'http://a#x',
  'http://a/#x',
  ...['\t', '\n', '\v', '\f', '\r', ' ', '#', '\x00', '\x7f', '\xa0', '\xe9', '\ufeff'].map((odd) => `/a${odd}b`),
])('is undefined for %j', (url) => {
  expect(originForm({ method: 'GET', url })).toBeUndefined();
});
