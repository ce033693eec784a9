import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HttpAdapterHost } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Refusal } from '../refusal.js';
import { PortBinding } from './port-binding.js';

let server: Server;
let portBinding: PortBinding;

beforeEach(async () => {
  server = createServer();
  const host = { httpAdapter: { getHttpServer: () => server } };
  const module = await Test.createTestingModule({
    providers: [PortBinding, { provide: HttpAdapterHost, useValue: host }],
  }).compile();
  await module.init();
  portBinding = module.get(PortBinding);
});

afterEach(async () => {
  await new Promise((done) => server.close(done));
});

it('gives the address that the socket is bound to, not the one that was asked for', async () => {
  const bound = await portBinding.bind(0, 'localhost');
  expect(bound).toEqual(server.address());
  expect(bound.port).not.toBe(0);
  expect(portBinding.address).toBe(bound);
});

it('remembers the address when the socket has closed', async () => {
  const bound = await portBinding.bind(0);
  await new Promise((done) => server.close(done));
  expect(server.address()).toBeNull();
  expect(portBinding.address).toEqual(bound);
});

it('refuses a port that is taken and does not move to another', async () => {
  const other = createServer().listen(0);
  const { port } = other.address() as AddressInfo;
  await expect(portBinding.bind(port)).rejects.toThrow(
    new Refusal(
      `Port ${port} is taken by another program: stop that one, set another PORT, or PORT=0 to let the operating system choose.`,
    ),
  );
  expect(server.listening).toBe(false);
  other.close();
});

describe('the reason of a refusal', () => {
  it.each([
    ['EACCES', /^Port 80 is privileged /],
    ['EADDRNOTAVAIL', /^HOST example is no address of this machine: /],
    ['EAFNOSUPPORT', /^HOST example is no address of this machine: /],
    ['EINVAL', /^HOST example names no interface /],
    ['EMFILE', /^Port 80 cannot be bound: too many open files\.$/],
  ])('is told for %s', async (code, message) => {
    jest.spyOn(server, 'listen').mockImplementation(() => {
      process.nextTick(() => server.emit('error', Object.assign(new Error('too many open files'), { code })));
      return server;
    });
    await expect(portBinding.bind(80, 'example')).rejects.toThrow(message);
  });

  it('is told for a name that does not resolve', async () => {
    // No name under .invalid ever resolves (RFC 6761).
    await expect(portBinding.bind(0, 'example.invalid')).rejects.toThrow(/^HOST example\.invalid does not resolve /);
  });
});
