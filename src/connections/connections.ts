import { EventEmitter, once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { Connection } from './connection.js';

/** In a second, even a busy program takes the 511 connections that the kernel holds for it by Node's default. */
const SETTLE_MS = 1000;

/**
 * What is open on a server and what is in flight: the one observer of a request's beginning and end.
 *
 * Emits `idle` whenever the last request in flight has ended.
 */
export class Connections extends EventEmitter<{ idle: [] }> {
  /** Requests that wait for an answer, or for the rest of one. */
  inFlight = 0;
  /** Requests whose answer has gone out whole. */
  answered = 0;
  /** Requests that got no answer, because one before theirs had said `Connection: close` (RFC 9112, 9.6). */
  unanswered = 0;

  private readonly http = new Map<Socket, Connection>();
  /** Not idle and not in flight: they belong to whoever took them over, such as a WebSocket gateway. */
  private readonly upgradedSockets = new Set<Socket>();
  private arrivals = 0;
  private announcing = false;
  private closingIdle = false;

  constructor(server: Server) {
    super();
    // `server.close()` does this at once, and Node takes for idle also an answer whose last part is not out yet, as its
    // client reads slowly. What is idle is told here, and in a drain when.
    server.closeIdleConnections = () => {
      if (!this.announcing) this.closeIdle();
    };
    server.on('connection', (socket) => {
      this.arrivals++;
      this.http.set(socket, new Connection(socket));
      socket.once('close', () => this.forget(socket));
    });
  }

  /** Connections that speak HTTP. */
  get open(): number {
    return this.http.size;
  }

  /** Connections that once did. */
  get upgraded(): number {
    return this.upgradedSockets.size;
  }

  /** Answers of which a part is out already: streams, and what is read slowly. */
  get halfway(): number {
    return [...this.http.values()].filter(({ halfway }) => halfway).length;
  }

  /** True when the answers say `Connection: close`. */
  get closing(): boolean {
    return this.announcing;
  }

  /**
   * A request has come.
   *
   * @returns false when it must not be processed, as the connection's last answer is already under way
   */
  begin(response: ServerResponse): boolean {
    const { socket } = response.req;
    const connection = this.http.get(socket);
    if (connection === undefined) return true; // a request that a test has made up
    this.arrivals++;
    if (!connection.begin(response)) {
      this.unanswered++;
      return false;
    }
    this.inFlight++;
    if (this.announcing) connection.announceClose();
    response.once('close', () => {
      if (response.writableFinished) this.answered++;
      if (this.http.has(socket)) this.end(connection);
    });
    return true;
  }

  /** A connection is now another protocol's. */
  upgrade(socket: Socket): void {
    this.http.get(socket)?.letGo();
    this.forget(socket);
    this.upgradedSockets.add(socket);
    socket.once('close', () => this.upgradedSockets.delete(socket));
  }

  /** From now on the newest answer of every connection says `Connection: close`. */
  announceClose(): void {
    this.announcing = true;
    for (const connection of this.http.values()) connection.announceClose();
  }

  /** Closes the connections of which no request waits for an answer. */
  closeIdle(): void {
    for (const connection of this.http.values()) connection.closeIfIdle();
  }

  /** Closes every connection as soon as none of its requests waits for an answer. */
  closeWhenIdle(): void {
    this.closingIdle = true;
    this.closeIdle();
  }

  /** Closes whatever is left. */
  destroy(): void {
    for (const socket of this.http.keys()) socket.destroy();
  }

  /**
   * Resolves when nothing is left in the kernel that came before: connections that wait to be accepted, of which Node
   * takes one in a turn of its event loop, and requests that wait to be read. As more may come all the while, it looks
   * for a second at most.
   */
  async settled(): Promise<void> {
    const end = performance.now() + SETTLE_MS;
    // Twice, as only the second turn is sure to come after the event loop has looked.
    for (let quiet = 0; quiet < 2 && performance.now() < end; quiet++) {
      const { arrivals } = this;
      await setImmediate();
      if (this.arrivals !== arrivals) quiet = -1;
    }
  }

  /** Resolves when every request has its answer. */
  async idle(): Promise<void> {
    while (this.inFlight > 0) await once(this, 'idle');
  }

  private end(connection: Connection): void {
    connection.end();
    this.ended(1);
    if (this.closingIdle) connection.closeIfIdle();
  }

  /** Also what was in flight, as Node tells only the first of the answers that wait for a connection when it is gone. */
  private forget(socket: Socket): void {
    const lost = this.http.get(socket)?.inFlight ?? 0;
    this.http.delete(socket);
    this.ended(lost);
  }

  private ended(count: number): void {
    this.inFlight -= count;
    if (this.inFlight === 0) this.emit('idle');
  }
}
