import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { listen } from './listen.js';
import { StartupError } from './startup-error.js';

let server: Server;

beforeEach(() => {
  server = createServer();
});

afterEach(async () => {
  await new Promise((done) => server.close(done));
});

it('gives the address that the socket is bound to, not the requested one', async () => {
  const bound = await listen(server, { port: 0, host: 'localhost' });
  expect(bound).toEqual(server.address());
  expect(bound.port).not.toBe(0);
});

it('binds every interface, IPv6 and IPv4, without a host', async () => {
  expect(await listen(server, { port: 0 })).toMatchObject({ address: '::', family: 'IPv6' });
});

it('refuses a port that is taken and does not move to another', async () => {
  const other = createServer().listen(0);
  const { port } = other.address() as AddressInfo;
  await expect(listen(server, { port })).rejects.toThrow(StartupError);
  await expect(listen(server, { port })).rejects.toThrow(
    `Port ${port} is taken by another program: stop that one, choose another port, or choose 0 to let the operating system choose.`,
  );
  expect(server.listening).toBe(false);
  other.close();
});

describe('a port that cannot be bound is refused with the way out', () => {
  it.each([
    ['EACCES', /^Port 80 is privileged /],
    ['EADDRNOTAVAIL', /^The host example is no address of this machine: /],
    ['EAFNOSUPPORT', /^The host example is no address of this machine: /],
    ['EINVAL', /^The host example names no interface /],
    ['EMFILE', /^Port 80 cannot be bound: too many open files\.$/],
  ])('for %s', async (code, message) => {
    jest.spyOn(server, 'listen').mockImplementation(() => {
      process.nextTick(() => server.emit('error', Object.assign(new Error('too many open files'), { code })));
      return server;
    });
    await expect(listen(server, { port: 80, host: 'example' })).rejects.toThrow(message);
  });

  it('for a name that does not resolve', async () => {
    // No name under .invalid ever resolves (RFC 6761).
    await expect(listen(server, { port: 0, host: 'example.invalid' })).rejects.toThrow(
      /^The host example\.invalid does not resolve /,
    );
  });
});
