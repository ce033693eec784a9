import { expect, it } from '@jest/globals';
import { isMulticast, isHost } from './host.js';

it.each([
  '127.0.0.1',
  '::',
  '::1',
  'fe80::1%eth0',
  '::ffff:127.0.0.1',
  '240.0.0.1',
  'localhost',
  'db-1.example.com',
  'my_service',
  'a'.repeat(63),
  '3com',
])('accepts %s', (host) => {
  expect(isHost(host)).toBe(true);
});

it.each(['0x7f000001', '127.1', '1.2.3.4.5', '3000', 'a'.repeat(64), `${'a.'.repeat(127)}a`, 'a-.b.', '.', ''])(
  'refuses %j',
  (host) => {
    expect(isHost(host)).toBe(false);
  },
);

it.each(['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1', 'ff02::1%lo', '::ffff:224.0.0.1'])(
  'refuses %s, because no client can connect to it',
  (host) => {
    expect(isHost(host)).toBe(false);
    expect(isMulticast(host)).toBe(true);
  },
);
