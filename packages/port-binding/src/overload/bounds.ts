import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Connection } from '../connections/connection.js';
import { Connections } from '../connections/connections.js';
import { rejectInvalidRequests, rejectionOf, respondWithError } from '../rejection.js';
import { installRequestGate } from '../request-gate.js';
import { Bodies } from './bodies.js';
import { type Brake, type Load, brake as processBrake } from './brake.js';
import { FairAccept } from './fair-accept.js';
import { connectionsByFileDescriptors } from './file-descriptors.js';
import { heapLimit, machineMemory } from './memory.js';

export interface BoundsOptions {
  /** How many connections to hold. By default, what memory is good for; never more than file descriptors allow. */
  maxConnections?: number | undefined;
  /** Recognises requests that are always admitted, such as health checks, unless they have a body. */
  isProbe?: ((request: IncomingMessage) => boolean) | undefined;
}

/**
 * The memory that each connection needs to be accepted. It takes some 13 kB of that, and 35 kB with the longest header that
 * Node reads. The rest is for its requests and for the program.
 */
const BYTES_PER_CONNECTION = 128 * 1024;

/** The memory of a request with its response. */
const BYTES_PER_REQUEST = 8 * 1024;

/**
 * The memory that each request needs to be kept. Pipelining alone makes requests outnumber connections. One client can send
 * 2,621 in one read: Node reads 64 KiB at once, and the shortest request has 25 bytes.
 */
const BYTES_PER_PIPELINED = 48 * 1024;

/**
 * Limits what a server takes on at once, because a process that is killed for its memory loses everybody's requests. Beyond
 * that limit, new work is refused, starting with the client that holds the most.
 */
export class Bounds implements Load {
  private readonly fairAccept: FairAccept;
  private readonly maxConnections: number;
  private readonly maxRequests = memory() / BYTES_PER_PIPELINED;
  /** A body takes its length in buffers, as much again as text, and more as what the text is parsed to. */
  private readonly maxBodyBytes = memory() / 16;
  private readonly bodies = new Bodies((bytes) => this.brake.work(2 * bytes)); // as bytes, and as text
  private counts = { closed: 0, refused: 0, cut: 0 };
  private telling: NodeJS.Timeout | undefined;

  constructor(
    server: Server,
    readonly connections: Connections,
    private readonly options: BoundsOptions,
    private readonly logger: Pick<Console, 'warn'>,
    private readonly brake: Brake = processBrake,
  ) {
    this.maxConnections = Math.min(
      options.maxConnections ?? Math.floor(memory() / BYTES_PER_CONNECTION),
      connectionsByFileDescriptors(),
    );
    this.fairAccept = new FairAccept(connections);
    rejectInvalidRequests(server, connections, this.fairAccept);
    server.on('connection', (socket) => {
      this.fairAccept.connectionAccepted(connections.of(socket)!);
      brake.work(BYTES_PER_REQUEST);
      if (this.full && this.closeLongestIdle()) this.tell('closed');
    });
    brake.add(this);
    server.once('close', () => brake.remove(this));
  }

  /** @returns false when a request that has arrived must not be processed: it is answered already, or its client cut off */
  admit(request: IncomingMessage, response: ServerResponse): boolean {
    const { connections } = this;
    const connection = connections.of(request.socket);
    if (connection === undefined) return !request.socket.destroyed;
    this.fairAccept.requestArrived(connection);
    this.brake.work(BYTES_PER_REQUEST);
    if (connections.requests > this.maxRequests) this.cutLongestPipeline();
    if (request.socket.destroyed) return false;
    const rejection = rejectionOf(request);
    if (rejection !== undefined) {
      connections.emit('rejected', { socket: request.socket, ...rejection, response });
      connection.announceClose();
      respondWithError(response, rejection.status, rejection.reason);
      return false;
    }
    const hasBody = this.bodies.add(request, response, connection);
    if (this.hasRoom || (!hasBody && this.options.isProbe?.(request))) return true;
    this.tell('refused');
    connection.announceClose();
    respondWithError(response.setHeader('Retry-After', '1'), 503, 'At capacity');
    return false;
  }

  heldBy(connection: Connection): number {
    return connection.requests * BYTES_PER_REQUEST + this.bodies.heldBy(connection);
  }

  cut(connection: Connection): void {
    this.bodies.drop(connection);
    this.connections.cut(connection);
    this.tell('cut');
  }

  pause(): void {
    void this.fairAccept.acceptFirst();
  }

  /** Beyond the brake point there is room for one request at a time. */
  private get hasRoom(): boolean {
    if (this.brake.engaged && this.connections.inFlight > 1) return false;
    return !this.full && this.bodies.expected <= this.maxBodyBytes;
  }

  private get full(): boolean {
    return this.connections.open + this.connections.upgraded > this.maxConnections;
  }

  /** Closes the longest idle connection, but none of the newest: a request may be about to come, or a refusal to go. */
  private closeLongestIdle(): boolean {
    let longest: Connection | undefined;
    for (const connection of this.connections) {
      if (connection.inFlight === 0 && connection.usedAt < (longest?.usedAt ?? Infinity)) longest = connection;
    }
    if (longest === undefined) return false;
    let newer = 0;
    for (const { usedAt } of this.connections) if (usedAt > longest.usedAt) newer++;
    if (newer < this.maxConnections / 16) return false;
    this.connections.cut(longest);
    return true;
  }

  /** Cuts off the connection with the most requests, if it has more than one. */
  private cutLongestPipeline(): void {
    let longest: Connection | undefined;
    for (const connection of this.connections) {
      if (connection.requests > (longest?.requests ?? 1)) longest = connection;
    }
    if (longest !== undefined) this.cut(longest);
  }

  /** Logs what was refused, in one line per second. */
  private tell(what: keyof typeof this.counts): void {
    this.counts[what]++;
    this.telling ??= setTimeout(() => {
      this.logger.warn('At capacity', { ...this.counts, maxConnections: this.maxConnections });
      this.counts = { closed: 0, refused: 0, cut: 0 };
      this.telling = undefined;
    }, 1000).unref();
  }
}

/** Half of the memory is for V8's heap: where that is smaller, it is the limit. */
function memory(): number {
  return Math.min(machineMemory(), 2 * heapLimit());
}

/**
 * Bounds a server that `serve()` does not serve, such as one for metrics on a port of its own. Call it when the request
 * listeners are there, before the server listens.
 *
 * @returns what is open on the server; it emits `rejected` with each request that the program never sees
 */
export function applyBounds(
  server: Server,
  options: BoundsOptions = {},
  logger: Pick<Console, 'warn'> = console,
): Connections {
  const connections = new Connections();
  connections.observe(server);
  installRequestGate(server, connections, new Bounds(server, connections, options, logger));
  return connections;
}
