import { describe, expect, it } from '@jest/globals';
import { run, start } from '../support/service.js';

const reaches = async (host: string, port: number) =>
  fetch(`http://${host}:${port}/health/live`).then(
    ({ status }) => status,
    (error: Error) => (error.cause as NodeJS.ErrnoException).code,
  );

it.each([
  ['unset', {}],
  ['empty', { HOST: '' }],
])('every interface is bound, IPv6 and IPv4, when HOST is %s', async (_, env) => {
  const { service, port } = await start(env);
  expect(await service.logged(/^Listening/)).toMatchObject({ address: '::', family: 'IPv6' });
  expect(await Promise.all([reaches('127.0.0.1', port), reaches('[::1]', port)])).toEqual([200, 200]);
});

it.each([
  ['127.0.0.1', '127.0.0.1', 'IPv4', [200, 'ECONNREFUSED']],
  ['::1', '::1', 'IPv6', ['ECONNREFUSED', 200]],
  ['0.0.0.0', '0.0.0.0', 'IPv4', [200, 'ECONNREFUSED']],
  ['::', '::', 'IPv6', [200, 200]],
])('HOST=%s binds that address and no other', async (HOST, address, family, answers) => {
  const { service, port, url } = await start({ HOST });
  expect(await service.logged(/^Listening/)).toMatchObject({ address, family, port });
  expect(await Promise.all([reaches('127.0.0.1', port), reaches('[::1]', port)])).toEqual(answers);
  if (answers[0] === 200) {
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ info: { http: { address, family, port } } });
  }
});

it('a host name binds the address that it resolves to', async () => {
  const { service } = await start({ HOST: 'localhost' });
  expect((await service.logged(/^Listening/))['address']).toMatch(/^(127\.0\.0\.1|::1)$/);
});

it.each(['fe80::1', 'fe80::1%nope'])('a link-local address without its interface is refused: HOST=%s', async (HOST) => {
  const service = run({ PORT: '0', HOST });
  expect(await service.exit).toEqual({ code: 1, signal: null });
  expect(service.stderr).toMatch(
    /^The host fe80::1\S* names no interface of this machine: .* as in fe80::1%eth0, .*\.\n$/,
  );
  expect(service.stdout).toBe('');
});

it.each(['224.0.0.1', '255.255.255.255', 'ff02::1', '::ffff:224.0.0.1'])(
  'an address that nobody can connect to is refused: HOST=%s',
  async (HOST) => {
    const service = run({ PORT: '0', HOST });
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(/^HOST is ".*", which is a multicast or broadcast address .*: it must be .*\.\n$/);
    expect(service.stdout).toBe('');
  },
);

describe('a HOST that is neither an address nor a name', () => {
  it.each([
    ' 127.0.0.1',
    'no host',
    '[::1]',
    '127.0.0.1:80',
    'http://localhost',
    '256.1.1.1',
    '3000',
    '*',
    '-a',
    'a..b',
    'ｈost',
  ])('%j refuses to start', async (HOST) => {
    const service = run({ PORT: '0', HOST });
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(/^HOST is ".*": it must be an IP address or a host name, .*\.\n$/);
    expect(service.stdout).toBe('');
  });
});
