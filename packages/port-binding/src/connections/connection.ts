import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { lingeringClose } from './lingering-close.js';

/** A request that waits for its response, or for the rest of it. */
export interface Pending {
  readonly response: ServerResponse;
  /** When it arrived, by `performance.now()`. */
  readonly arrivedAt: number;
  /** Whether somebody has been told how it ended. */
  reported: boolean;
}

/** One connection of HTTP/1.1: its requests in flight, which response says `Connection: close`, and its end. */
export class Connection {
  /** The requests in flight, the oldest first. */
  readonly pending: Pending[] = [];
  /** Requests that Node keeps in memory: those in flight, and the ones behind a `Connection: close`. */
  requests = 0;
  /** No request has arrived yet. */
  isNew = true;
  /** When the connection was accepted, a request arrived, or a response ended, whichever was last. */
  usedAt = performance.now();
  /** True when nothing that arrives is a request any more. */
  inputIgnored = false;
  /** True when the last answer is out, and what the client still sends is thrown away. */
  lingering = false;
  private newest: ServerResponse | undefined;
  /** The response that says `Connection: close`. */
  private last: ServerResponse | undefined;
  private pipelining = false;
  private sentBefore = 0;

  constructor(readonly socket: Socket) {
    // Node calls this to close a connection behind its last response, and does not look for an unread body.
    const close = socket.destroySoon.bind(socket);
    socket.destroySoon = () => {
      if (!this.lingering) lingeringClose(socket, this.newest?.req, this.pipelining, close);
      this.lingering = true;
    };
  }

  get inFlight(): number {
    return this.pending.length;
  }

  /** The newest response, if it has not gone out whole. */
  get unfinished(): ServerResponse | undefined {
    return this.pending.at(-1)?.response;
  }

  /** @returns undefined when the request gets no response, because one before it has said `Connection: close` */
  requestArrived(response: ServerResponse): Pending | undefined {
    this.isNew = false;
    this.pipelining ||= this.inFlight > 0;
    this.requests++;
    if (this.last?.headersSent) {
      this.ignoreInput();
      return undefined;
    }
    this.newest = response;
    this.usedAt = performance.now();
    const pending = { response, arrivedAt: this.usedAt, reported: false };
    this.pending.push(pending);
    return pending;
  }

  /** The oldest response has ended, whole or not. */
  responseEnded(): void {
    this.pending.shift();
    this.requests--;
    this.usedAt = performance.now();
    if (this.inputIgnored) this.closeIfIdle();
    // An idle connection need not keep a request in memory. A body that nobody has read may still be coming.
    if (this.inFlight === 0 && this.newest?.req.complete) this.newest = undefined;
  }

  /** Keeps no request in memory any more, though a handler may still hold the response to one of them. */
  release(): void {
    this.pending.length = 0;
    this.newest = this.last = undefined;
  }

  /**
   * How many bytes have gone out since this was asked last: those of the response that has just ended, header included.
   * Unknown where requests are pipelined, because Node then sends parts of the next response first.
   */
  takeBytesSent(): number | undefined {
    const { bytesWritten } = this.socket;
    const sent = bytesWritten - this.sentBefore;
    this.sentBefore = bytesWritten;
    return this.pipelining ? undefined : sent;
  }

  /**
   * Makes the newest response say `Connection: close`, and takes that back from the one that was the newest before. Node
   * closes the connection behind the response that says so, and would drop the responses to requests pipelined after it.
   */
  announceClose(): void {
    if (this.inFlight === 0 || this.newest === undefined || this.newest.headersSent) return;
    this.last?.removeHeader('Connection');
    this.last = this.newest.setHeader('Connection', 'close');
  }

  /** Closes a connection without a whole request, be it idle or halfway through a header. */
  closeIfIdle(): void {
    if (this.inFlight === 0) this.socket.destroySoon();
  }

  /** After an upgrade, the new protocol decides how the connection ends. */
  handOver(): void {
    Reflect.deleteProperty(this.socket, 'destroySoon');
  }

  /** Reads on without parsing: thousands of requests that get no response would delay everybody else's. */
  ignoreInput(): void {
    if (this.inputIgnored) return;
    this.inputIgnored = this.pipelining = true;
    const { socket } = this;
    const parsers = socket.listeners('data') as (() => void)[];
    socket.on('data', () => undefined); // Node's parser reads past the stream until somebody listens.
    for (const parser of parsers) socket.off('data', parser);
  }
}
