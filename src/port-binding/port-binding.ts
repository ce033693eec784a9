import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Refusal } from '../refusal.js';

/** From the requested port to the bound address (https://12factor.net/port-binding). */
@Injectable()
export class PortBinding implements OnModuleInit {
  /** What the listening socket says it is bound to: never what was asked for. */
  address!: AddressInfo;

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  onModuleInit(): void {
    const server = this.server;
    // Kept, because a socket that has stopped listening no longer has an address, and its last requests may ask for it.
    server.on('listening', () => (this.address = server.address() as AddressInfo));
  }

  /**
   * Binds the port and listens. `app.listen()` would do, but reports a failure twice and with a stack trace.
   *
   * @param port the requested port, `0` for one that the operating system chooses
   * @param host the address or host name to bind; without it every interface, IPv6 and IPv4
   * @throws {Refusal} when that cannot be bound; no other port is tried, as nobody would look for the service there
   */
  async bind(port: number, host?: string): Promise<AddressInfo> {
    await bind(this.server, 'PORT', port, host);
    return this.address;
  }

  private get server(): Server {
    return this.adapterHost.httpAdapter.getHttpServer();
  }
}

/**
 * Binds a port, as `PortBinding.bind` does.
 *
 * @param variable which the port is from
 */
export async function bind(server: Server, variable: string, port: number, host?: string): Promise<AddressInfo> {
  try {
    await once(server.listen({ port, ...(host !== undefined && { host }) }), 'listening');
  } catch (error) {
    throw new Refusal(reason(error as NodeJS.ErrnoException, variable, port, host));
  }
  return server.address() as AddressInfo;
}

function reason(error: NodeJS.ErrnoException, variable: string, port: number, host?: string): string {
  if (error.syscall === 'getaddrinfo') {
    return `HOST ${host} does not resolve to an address: correct the name, or leave HOST out to bind every interface.`;
  }
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken by another program: stop that one, set another ${variable}, or ${variable}=0 to let the operating system choose.`;
    case 'EACCES':
      return `Port ${port} is privileged and permission to bind it was denied: set a ${variable} above 1023 and map port ${port} onto it.`;
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `HOST ${host} is no address of this machine: set one that is, or leave HOST out to bind every interface.`;
    case 'EINVAL': // a link-local address, which without its zone may be on any interface (RFC 4007)
      return `HOST ${host} names no interface of this machine: set one behind the address, as in fe80::1%eth0, or leave HOST out to bind every interface.`;
    default:
      return `Port ${port} cannot be bound: ${error.message}.`;
  }
}
