import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Connection } from '../connections/connection.js';
import type { Connections } from '../connections/connections.js';
import { rejectInvalidRequests, rejectionOf, respondWithError } from '../rejection.js';
import { FairAccept } from './fair-accept.js';

export interface BoundsOptions {
  /** How many connections to hold. By default, what memory is good for. */
  maxConnections?: number | undefined;
  /** Recognises requests that are always admitted, such as health checks. */
  isProbe?: ((request: IncomingMessage) => boolean) | undefined;
}

/** What Express' parsers keep of a body unless they are told otherwise; what is longer is refused, or a stream. */
const BODY_BYTES = 100 * 1024;

/**
 * The memory that there has to be for each connection. It takes some 13 kB of it, and with the longest header that Node
 * lets through 35 kB; the rest is for what is asked over it, and for the program.
 */
const BYTES_PER_CONNECTION = 128 * 1024;

/**
 * Likewise for each request in memory, which takes some 7 kB. They are more than connections only by pipelining, and a
 * single client may well send 2,621: as many of 25 bytes, the shortest there are, Node reads at once.
 */
const BYTES_PER_REQUEST = 48 * 1024;

/**
 * The most that a server takes on at once, so that no client can take more memory than there is: a process that is killed
 * for its memory loses everybody's requests. Beyond that, new work is refused, at the expense of who holds most.
 */
export class Bounds {
  private readonly fairAccept: FairAccept;
  private readonly maxConnections: number;
  private readonly maxRequests = memory() / BYTES_PER_REQUEST;
  /** A body takes its length in buffers, as much again as text, and more as what the text is parsed to. */
  private readonly maxBodyBytes = memory() / 16;
  /** What may have to be kept in memory of the bodies in flight. */
  private bodyBytes = 0;
  private counts = { closed: 0, refused: 0, cut: 0 };
  private telling: NodeJS.Timeout | undefined;

  constructor(
    server: Server,
    private readonly connections: Connections,
    private readonly options: BoundsOptions,
    private readonly logger: Pick<Console, 'warn'>,
  ) {
    this.maxConnections = options.maxConnections ?? Math.floor(memory() / BYTES_PER_CONNECTION);
    this.fairAccept = new FairAccept(connections);
    rejectInvalidRequests(server, connections);
    server.on('connection', (socket) => {
      this.fairAccept.connectionAccepted(connections.of(socket)!);
      if (this.full && this.closeLongestIdle()) this.tell('closed');
    });
  }

  /** @returns false when a request that has arrived must not be processed: it is answered already, or its client cut off */
  admit(request: IncomingMessage, response: ServerResponse): boolean {
    const { connections } = this;
    const connection = connections.of(request.socket);
    if (connection === undefined) return !request.socket.destroyed;
    this.fairAccept.requestArrived(connection);
    if (connections.requests > this.maxRequests && this.cutLongestPipeline()) this.tell('cut');
    if (request.socket.destroyed) return false;
    const rejection = rejectionOf(request);
    if (rejection !== undefined) {
      connections.emit('rejected', { socket: request.socket, ...rejection, response });
      connection.announceClose();
      respondWithError(response, rejection.status, rejection.reason);
      return false;
    }
    const bodyBytes = expectedBody(request);
    if (bodyBytes > 0) {
      this.bodyBytes += bodyBytes;
      response.on('close', () => (this.bodyBytes -= bodyBytes));
    }
    if ((!this.full && this.bodyBytes <= this.maxBodyBytes) || this.isProbe(request, bodyBytes)) return true;
    this.tell('refused');
    connection.announceClose();
    respondWithError(response.setHeader('Retry-After', '1'), 503, 'At capacity');
    return false;
  }

  /** A probe is always admitted, unless it has a body, which may be long in coming. */
  private isProbe(request: IncomingMessage, bodyBytes: number): boolean {
    return bodyBytes === 0 && this.options.isProbe?.(request) === true;
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
  private cutLongestPipeline(): boolean {
    let longest: Connection | undefined;
    for (const connection of this.connections) {
      if (connection.requests > (longest?.requests ?? 1)) longest = connection;
    }
    if (longest !== undefined) this.connections.cut(longest);
    return longest !== undefined;
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

function expectedBody({ headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return BODY_BYTES;
  return Math.min(Number(headers['content-length'] ?? 0), BODY_BYTES);
}

/** Of the container, if it is limited, or of what V8 limits itself to: half of that is for its heap. */
function memory(): number {
  return Math.min(process.constrainedMemory() || Infinity, totalmem(), 2 * getHeapStatistics().heap_size_limit);
}
