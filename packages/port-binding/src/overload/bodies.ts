import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Connection } from '../connections/connection.js';

/** Express's parsers keep up to 100 KiB of a body by default. Longer bodies are refused or streamed. */
const BODY_BYTES = 100 * 1024;

/** A compressed body counts as 1 MiB, because nobody can tell from the request what it decompresses to. */
const COMPRESSED_BYTES = 1024 * 1024;

/** The request bodies in flight on a server, because somebody may keep them in memory. */
export class Bodies {
  /** How much memory they may take, by what the requests say. */
  expected = 0;
  private readonly byConnection = new Map<Connection, Set<Body>>();

  /** @param onBytes is called with the number of bytes that each part of a body brings */
  constructor(private readonly onBytes: (bytes: number) => void) {}

  /**
   * Counts the body of a request, until its response ends.
   *
   * @returns false when the request has no body
   */
  add(request: IncomingMessage, response: ServerResponse, connection: Connection): boolean {
    const expected = expectedBytes(request);
    if (expected === 0) return false;
    if (!this.byConnection.has(connection)) this.observe(connection);
    const body = new Body(request, expected, this.onBytes);
    this.of(connection).add(body);
    this.expected += expected;
    response.on('close', () => {
      if (this.of(connection).delete(body)) this.expected -= expected;
    });
    return true;
  }

  /** About how much memory the bodies on a connection take. */
  heldBy(connection: Connection): number {
    return [...this.of(connection)].reduce((sum, { expected, received }) => sum + expected + received, 0);
  }

  /** Decompresses no more of what a connection has brought. Its end alone would not stop that. */
  drop(connection: Connection): void {
    for (const body of this.of(connection)) body.decompressor?.destroy();
  }

  /** In a method of its own: a listener keeps whatever stands beside it in memory, here a body as long as its connection. */
  private observe(connection: Connection): void {
    this.byConnection.set(connection, new Set());
    // Responses that wait behind another one never end when their connection closes.
    connection.socket.once('close', () => {
      for (const body of this.of(connection)) this.expected -= body.expected;
      this.byConnection.delete(connection);
    });
  }

  private of(connection: Connection): Set<Body> {
    return this.byConnection.get(connection) ?? new Set();
  }
}

class Body {
  /** Bytes that have come, and that those were decompressed to. */
  received = 0;
  decompressor: Readable | undefined;

  constructor(
    request: IncomingMessage,
    readonly expected: number,
    private readonly onBytes: (bytes: number) => void,
  ) {
    this.count(request);
    if (!isCompressed(request)) return;
    const pipe = request.pipe.bind(request);
    request.pipe = (destination, options) => {
      if (destination instanceof Readable) this.count((this.decompressor = destination));
      return pipe(destination, options);
    };
  }

  /** Not by a listener, which would make the stream flow. */
  private count(stream: Readable): void {
    const push = stream.push.bind(stream);
    stream.push = (chunk: Buffer | null, encoding) => {
      if (chunk !== null) this.received += chunk.length;
      // At its end a body may be put together and parsed, which takes as much again.
      this.onBytes(chunk?.length ?? this.received);
      return push(chunk, encoding);
    };
  }
}

function expectedBytes(request: IncomingMessage): number {
  const { headers } = request;
  const length = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity;
  if (length === 0) return 0;
  return isCompressed(request) ? COMPRESSED_BYTES : Math.min(length, BODY_BYTES);
}

function isCompressed({ headers }: IncomingMessage): boolean {
  return (headers['content-encoding'] ?? 'identity') !== 'identity';
}
