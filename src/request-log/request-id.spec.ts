import { expect, it } from '@jest/globals';
import { requestId } from './request-id.js';

const NEW = /^[\da-z]{10}-\d+$/;

it.each([
  ['x-request-id', 'the-router-s-id'],
  ['x-amzn-trace-id', 'Self=1-67891234-12456789;Root=1-67891233-abcdef012345678912345678'],
  ['x-cloud-trace-context', '105445aa7843bc8bf206b12000100000/1;o=1'],
])("is the router's: %s", (name, id) => {
  expect(requestId({ [name]: id })).toBe(id);
});

it('is the one in x-request-id where there are several', () => {
  expect(requestId({ 'x-cloud-trace-context': 'b', 'x-amzn-trace-id': 'a', 'x-request-id': 'c' })).toBe('c');
});

it('is new for each request without one', () => {
  const [one, other] = [requestId({}), requestId({})];
  expect(one).toMatch(NEW);
  expect(other).toMatch(NEW);
  expect(one).not.toBe(other);
});

it.each(['', 'two words', 'a, b', '"quoted"', '<b>', 'caf\u00e9', 'tab\tbed', 'a\nb', 'x'.repeat(129)])(
  'is new where the one that came is not safe to log: %j',
  (id) => {
    expect(requestId({ 'x-request-id': id })).toMatch(NEW);
  },
);
