import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { lingeringClose } from './lingering-close.js';
import { Used } from './order-of-use.js';

/** With more requests in flight, no more are read until they are answered: the 64 kB that Node reads at once are 2,000. */
const LONG_PIPELINE = 100;

/** One connection of HTTP/1.1: the answers that it waits for, which of them says `Connection: close`, and its end. */
export class Connection extends Used {
  /** Requests that wait for an answer, or for the rest of one. */
  inFlight = 0;
  /** Requests that Node keeps in memory: those, and the ones that came behind a `Connection: close`. */
  requests = 0;
  /** What may have to be kept in memory of the bodies of those in flight. */
  bodyBytes = 0;
  /** When the newest request came. */
  began = 0;
  private newest: ServerResponse | undefined;
  /** The answer that was told to say `Connection: close`. */
  private last: ServerResponse | undefined;
  private pipelining = false;
  private sentBefore = 0;
  private held = false;

  constructor(readonly socket: Socket) {
    super();
    // Node's own way to close a connection behind its last answer: here, because it does not look for an unread body.
    const close = socket.destroySoon.bind(socket);
    let closing = false;
    socket.destroySoon = () => {
      if (!closing) lingeringClose(socket, this.newest?.req, this.pipelining, close);
      closing = true;
    };
  }

  /** Some of an answer is out, but not all of it. */
  get halfway(): boolean {
    return this.inFlight > 0 && this.newest?.headersSent === true;
  }

  /** The newest answer, if it has not gone out whole. */
  get unfinished(): ServerResponse | undefined {
    return this.inFlight > 0 ? this.newest : undefined;
  }

  /** The request that has come last is the one too many. */
  get becomesLong(): boolean {
    return this.inFlight === LONG_PIPELINE + 1;
  }

  /** @returns false when nothing was read from it anyway: a connection that Node paused is for Node to resume */
  pause(): boolean {
    if (this.socket.isPaused()) return false;
    this.socket.pause();
    return true;
  }

  /** After a pause: at once, or when enough of a long pipeline is answered. */
  readOn(): void {
    this.held = this.inFlight > LONG_PIPELINE;
    if (!this.held) this.socket.resume();
  }

  /** @returns false when the request came behind an answer that has said `Connection: close`: it gets no answer */
  begin(response: ServerResponse, bodyBytes: number): boolean {
    this.pipelining ||= this.inFlight > 0;
    this.newest = response;
    this.began = performance.now();
    this.requests++;
    if (this.last?.headersSent) return false;
    this.inFlight++;
    this.bodyBytes += bodyBytes;
    return true;
  }

  /**
   * Bytes that have gone out since the last answer ended: those of this one, with its header. Unknown where requests are
   * pipelined, as Node sends of the next answer before it tells of the end of one.
   */
  takeSent(): number | undefined {
    const { bytesWritten } = this.socket;
    const sent = bytesWritten - this.sentBefore;
    this.sentBefore = bytesWritten;
    return this.pipelining ? undefined : sent;
  }

  /** The answer to a request has ended, whole or not. */
  end(bodyBytes: number): void {
    this.inFlight--;
    this.requests--;
    this.bodyBytes -= bodyBytes;
    if (this.held) this.readOn();
    // What an idle connection holds on to, each of thousands does. A body that nobody has read may still be coming.
    if (this.inFlight === 0 && this.newest?.req.complete) this.newest = undefined;
  }

  /**
   * Lets the newest answer say `Connection: close`, and takes that back from the one that was the newest before: Node
   * closes the connection behind the answer that says so, and would drop those to the requests pipelined after it.
   */
  announceClose(): void {
    if (this.inFlight === 0 || this.newest === undefined || this.newest.headersSent) return;
    this.last?.removeHeader('Connection');
    this.last = this.newest.setHeader('Connection', 'close');
  }

  /** A connection without a whole request, be it idle or halfway through a header, has no answer to wait for. */
  closeIfIdle(): void {
    if (this.inFlight === 0) this.socket.destroySoon();
  }

  /** To whom the connection was upgraded, its end belongs as well. */
  letGo(): void {
    Reflect.deleteProperty(this.socket, 'destroySoon');
  }
}
