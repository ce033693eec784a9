import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StartupError } from './startup-error.js';

export interface ListenOptions {
  /** The requested port; 0 lets the operating system choose one. */
  port: number;
  /** The address or host name to bind. Without it the server listens on every interface, IPv6 and IPv4. */
  host?: string | undefined;
  /**
   * The descriptor of a socket that listens already, such as systemd hands over. The server takes its connections from
   * there and binds nothing. The port must be 0 or the socket's own, and the host left out or the socket's own.
   */
  fd?: number | undefined;
}

/**
 * Node calls `listen()` on an inherited socket too, which would shorten the kernel's queue to Node's own 511. The kernel
 * takes this for the most that it allows. It is the second argument, because with `fd` Node ignores the option.
 */
const LONGEST_BACKLOG = 2 ** 31 - 1;

/**
 * From the requested port to the bound address (https://12factor.net/port-binding).
 *
 * @returns the bound address, which the listening socket reports
 * @throws {StartupError} when the port cannot be bound. No other port is tried: nobody would look for the service there.
 */
export async function listen(server: Server, { port, host, fd }: ListenOptions): Promise<AddressInfo> {
  if (fd !== undefined) return inherit(server, fd, port, host);
  try {
    await once(server.listen({ port, ...(host !== undefined && { host }) }), 'listening');
  } catch (error) {
    throw new StartupError(wayOut(error as NodeJS.ErrnoException, port, host), { cause: error });
  }
  return server.address() as AddressInfo;
}

async function inherit(server: Server, fd: number, port: number, host?: string): Promise<AddressInfo> {
  try {
    await once(server.listen({ fd }, LONGEST_BACKLOG), 'listening');
  } catch (error) {
    const { message } = error as Error;
    throw new StartupError(`The inherited descriptor ${fd} is no socket that listens: ${message}.`, { cause: error });
  }
  const bound = server.address();
  const refuse = (reason: string): never => {
    server.close(); // In the same event-loop turn: no connection has been taken out of the kernel's queue.
    throw new StartupError(reason);
  };
  if (bound === null || typeof bound === 'string') {
    return refuse(`The inherited socket is ${bound}: this serves TCP, so hand over a socket that is bound to a port.`);
  }
  if (port !== 0 && port !== bound.port) {
    refuse(`Port ${port} is requested, but the inherited socket is bound to port ${bound.port}: leave the port out.`);
  }
  if (host !== undefined && host !== bound.address) {
    refuse(`The host ${host} is requested, but the inherited socket is bound to ${bound.address}: leave the host out.`);
  }
  return bound;
}

function wayOut(error: NodeJS.ErrnoException, port: number, host?: string): string {
  const everyInterface = 'leave the host out to bind every interface';
  if (error.syscall === 'getaddrinfo') {
    return `The host ${host} does not resolve to an address: correct the name, or ${everyInterface}.`;
  }
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken by another program: stop that one, choose another port, or choose 0 to let the operating system choose.`;
    case 'EACCES':
      return `Port ${port} is privileged and permission to bind it was denied: choose a port above 1023 and map port ${port} onto it.`;
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `The host ${host} is no address of this machine: choose one that is, or ${everyInterface}.`;
    case 'EINVAL': // A link-local address without its zone may be on any interface (RFC 4007).
      return `The host ${host} names no interface of this machine: add one, as in fe80::1%eth0, or ${everyInterface}.`;
    default:
      return `Port ${port} cannot be bound: ${error.message}.`;
  }
}
