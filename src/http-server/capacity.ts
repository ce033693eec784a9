import type { IncomingMessage, Server } from 'node:http';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { Logger } from '@nestjs/common';
import type { Connections } from '../connections/connections.js';
import { isHealth } from './request-target.js';

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
 * The most that is taken on at once, so that no client can take more memory than there is: a process that is killed for
 * its memory loses the requests of everybody. What is beyond is refused, at the expense of who takes the most.
 */
export class Capacity {
  private readonly logger = new Logger(Capacity.name);
  private readonly requests = memory() / BYTES_PER_REQUEST;
  /** A body takes its length in buffers, as much again as text, and more as what the text is parsed to. */
  private readonly bodyBytes = memory() / 16;
  /** The newest connections, which are left alone: a probe, or a request that is about to be refused with an answer. */
  private readonly room: number;
  private counts = { closed: 0, refused: 0, cut: 0 };
  private telling: NodeJS.Timeout | undefined;

  /** @param maxConnections the number of connections to hold; if undefined, what the memory is good for */
  constructor(
    server: Server,
    private readonly connections: Connections,
    private readonly maxConnections = Math.floor(memory() / BYTES_PER_CONNECTION),
  ) {
    this.room = Math.ceil(maxConnections / 16);
    server.on('connection', () => {
      if (this.full && connections.closeLongestIdle(this.room)) this.tell('closed');
    });
  }

  /** @returns false when a request that has come is more than there is room for */
  admits(request: IncomingMessage): boolean {
    const { connections } = this;
    if (connections.requests > this.requests && connections.cutLongestPipeline()) this.tell('cut');
    if (request.socket.destroyed) return false;
    if ((!this.full && connections.bodyBytes <= this.bodyBytes) || isProbe(request)) return true;
    this.tell('refused');
    return false;
  }

  private get full(): boolean {
    return this.connections.open + this.connections.upgraded > this.maxConnections;
  }

  /** What was refused, in a line a second. */
  private tell(what: keyof typeof this.counts): void {
    this.counts[what]++;
    this.telling ??= setTimeout(() => {
      this.logger.warn('At capacity', { ...this.counts, maxConnections: this.maxConnections });
      this.counts = { closed: 0, refused: 0, cut: 0 };
      this.telling = undefined;
    }, 1000).unref();
  }
}

/** Who asks how the service is gets an answer, however full it is; but not with a body, which may be long in coming. */
function isProbe(request: IncomingMessage): boolean {
  const { headers } = request;
  return isHealth(request) && !('content-length' in headers) && !('transfer-encoding' in headers);
}

/** Of the container, if it is limited, or of what V8 limits itself to: half of that is for its heap. */
function memory(): number {
  return Math.min(process.constrainedMemory() || Infinity, totalmem(), 2 * getHeapStatistics().heap_size_limit);
}
