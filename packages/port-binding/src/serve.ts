import { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { Connections } from './connections/connections.js';
import { Drain, type DrainOptions } from './drain/drain.js';
import { type ListenOptions, listen } from './listen.js';
import { Bounds, type BoundsOptions } from './overload/bounds.js';
import { installRequestGate } from './request-gate.js';
import { onTermination } from './signals.js';

export interface ServeOptions extends ListenOptions, DrainOptions {
  /** Bounds what the server takes on at once, so that no client can have the process killed. By default, it has no bounds. */
  bounds?: BoundsOptions | undefined;
}

/** A server that listens, until its end. */
export interface Service {
  /** The bound address. It stays the same when the port is closed, because the last requests may ask for it. */
  readonly address: AddressInfo;
  readonly phase: Drain['phase'];
  /** Aborted when the port closes. Responses without an end of their own, such as streams, end then. */
  readonly closing: AbortSignal;
  /** Closes the port and resolves when the last response is out. The process goes on. */
  close(): Promise<void>;
}

/**
 * Listens on the requested port. On SIGTERM, SIGINT or SIGHUP it ends the process without losing a request. The exit status
 * is 0, or 1 when a request was left unanswered. A second signal ends the process at once.
 *
 * @param server a server of `node:http` with its request listener
 * @throws {StartupError} when the port cannot be bound
 * @throws {TypeError} for any other kind of server: a balancer in front speaks TLS and HTTP/2
 */
export async function serve(server: Server, options: ServeOptions): Promise<Service> {
  const connections = new Connections();
  const drain = new Drain(connections);
  const address = await serveWith(connections, drain, server, options);
  return {
    address,
    get phase() {
      return drain.phase;
    },
    closing: drain.closing,
    close: () => drain.run(),
  };
}

/** Serves with `Connections` and a `Drain` that exist, because the program uses them already. */
export async function serveWith(
  connections: Connections,
  drain: Drain,
  server: Server,
  options: ServeOptions,
): Promise<AddressInfo> {
  if (!(server instanceof Server)) {
    throw new TypeError('serve() takes a server of node:http. Leave TLS and HTTP/2 to the balancer in front.');
  }
  connections.observe(server);
  const bounds = options.bounds && new Bounds(server, connections, options.bounds, options.logger ?? console);
  installRequestGate(server, connections, bounds);
  drain.prepare(server, options);

  // A signal that came meanwhile ends the process here, before the port opens. Two turns, because only the second is
  // sure to come after the event loop has looked for signals.
  await setImmediate();
  await setImmediate();
  const address = await listen(server, options);
  onTermination(
    (signal) => void drain.end(signal),
    (signal) => drain.abandon(`${signal} again: ended at once`),
  );
  return address;
}
