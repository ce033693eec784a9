import { EventEmitter, once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { Connection, type Pending } from './connection.js';

/** A request that never became one for the program, because it is not valid HTTP or did not arrive in time. */
export interface RejectedRequest {
  socket: Socket;
  status: number;
  /** Why, in words. */
  reason: string;
  /** The response, where the request got as far as that. */
  response?: ServerResponse;
}

/** How long a client takes at most from connecting to its first request, in milliseconds. */
const FIRST_REQUEST_MS = 1000;

/**
 * Counts the open connections of a server and the requests in flight. It emits
 * - `ended` with each response that has gone out whole or was cut off, the milliseconds since its request arrived, and its
 *   bytes where they are known;
 * - `rejected` with each request that the program never saw;
 * - `idle` when the last request in flight has ended.
 */
export class Connections extends EventEmitter<{
  ended: [ServerResponse, number, number | undefined];
  rejected: [RejectedRequest];
  idle: [];
}> {
  /** Requests that wait for a response, or for the rest of one. */
  inFlight = 0;
  /** Requests that Node keeps in memory: those in flight, and the ones behind a `Connection: close`. */
  requests = 0;
  /** Connections that were accepted since the start. */
  accepted = 0;
  /** Requests whose response has gone out whole. */
  answered = 0;
  /** Requests that got no response, because one before theirs had said `Connection: close` (RFC 9112, 9.6). */
  unanswered = 0;
  /** True while nothing is read from connections, for the sake of new ones. */
  paused = false;

  private readonly http = new Map<Socket, Connection>();
  /** Connections that belong to whoever took them over, such as a WebSocket gateway. */
  private readonly upgradedSockets = new Set<Socket>();
  private arrivals = 0;
  private announcing = false;
  private closingIdle = false;

  /** Observes a server, from now on. */
  observe(server: Server): void {
    // `server.close()` calls this, and Node takes a response for done whose last part a slow client has yet to read.
    server.closeIdleConnections = () => {
      if (!this.announcing) this.closeIdle();
    };
    server.on('connection', (socket) => {
      this.accepted++;
      this.arrivals++;
      this.http.set(socket, new Connection(socket));
      socket.once('close', () => this.forget(socket));
    });
  }

  /** Connections that speak HTTP. */
  get open(): number {
    return this.http.size;
  }

  /** Connections that spoke HTTP once. */
  get upgraded(): number {
    return this.upgradedSockets.size;
  }

  /** Responses of which a part is out already: streams, and what is read slowly. */
  get started(): number {
    return [...this.http.values()].filter(({ unfinished }) => unfinished?.headersSent).length;
  }

  /** True when the responses say `Connection: close`. */
  get closing(): boolean {
    return this.announcing;
  }

  /** The connection of a socket, unless it has been cut off or upgraded. */
  of(socket: Socket): Connection | undefined {
    return this.http.get(socket);
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.http.values();
  }

  /**
   * A request has arrived.
   *
   * @returns false when it must not be processed, because the connection's last response is already on its way
   */
  requestArrived(response: ServerResponse): boolean {
    const { socket } = response.req;
    const connection = this.http.get(socket);
    if (connection === undefined) return !socket.destroyed;
    this.arrivals++;
    this.requests++;
    const pending = connection.requestArrived(response);
    if (pending === undefined) {
      if (this.announcing) this.unanswered++;
      return false;
    }
    this.inFlight++;
    if (this.announcing) connection.announceClose();
    // Not `once()`, which would wrap the function for each request. The event comes once anyway.
    response.on('close', () => {
      if (response.writableFinished) this.answered++;
      this.ended(connection, pending);
      if (!this.http.has(socket)) return;
      connection.responseEnded();
      this.release(1, 1);
      if (this.closingIdle) connection.closeIfIdle();
    });
    return true;
  }

  /** Another protocol has taken a connection over. */
  upgrade(socket: Socket): void {
    this.http.get(socket)?.handOver();
    this.forget(socket);
    this.upgradedSockets.add(socket);
    socket.once('close', () => this.upgradedSockets.delete(socket));
  }

  /** From now on the newest response on every connection says `Connection: close`. */
  announceClose(): void {
    this.announcing = true;
    for (const connection of this) connection.announceClose();
  }

  /** Closes every connection as soon as none of its requests waits for a response. */
  closeWhenIdle(): void {
    this.closingIdle = true;
    this.closeIdle();
  }

  /** Cuts a connection off, with all that is in flight on it. */
  cut({ socket, inFlight }: Connection): void {
    if (this.announcing) this.unanswered += inFlight;
    this.forget(socket);
    socket.destroy();
  }

  /** Cuts off every HTTP connection. */
  destroy(): void {
    for (const connection of this) this.cut(connection);
  }

  /** Emits `ended` for every request in flight: for a process that ends before it does. */
  endUnfinished(): void {
    for (const connection of this) for (const pending of connection.pending) this.ended(connection, pending);
  }

  /**
   * Resolves when the kernel holds nothing that came before: no connection that waits to be accepted, and no request that
   * waits to be read. Node accepts one connection per event-loop turn.
   *
   * @param withinMs how long to look at most, in milliseconds, because more may come all the while
   * @returns false when that time was over first
   */
  async caughtUp(withinMs: number): Promise<boolean> {
    const end = performance.now() + withinMs;
    // Two quiet turns, because only the second is sure to come after the event loop has looked.
    for (let quiet = 0; quiet < 2; quiet++) {
      const { arrivals } = this;
      await setImmediate();
      if (this.arrivals === arrivals && !this.paused) continue;
      if (performance.now() > end) return false;
      quiet = -1;
    }
    return true;
  }

  /**
   * Resolves when every connection has brought its first request, or has had the time for it. Where no balancer stands in
   * front, clients connect until the port closes.
   *
   * @param withinMs how long to wait at most, in milliseconds
   */
  async firstRequests(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while (performance.now() < end && [...this].some(bringsFirstRequest)) await delay(10);
  }

  /** Resolves when every request has its response. */
  async idle(): Promise<void> {
    while (this.inFlight > 0) await once(this, 'idle');
  }

  private closeIdle(): void {
    for (const connection of this) connection.closeIfIdle();
  }

  private ended(connection: Connection, pending: Pending): void {
    if (pending.reported) return;
    pending.reported = true;
    const { response, arrivedAt } = pending;
    this.emit('ended', response, performance.now() - arrivedAt, connection.takeBytesSent());
  }

  private forget(socket: Socket): void {
    const connection = this.http.get(socket);
    if (connection === undefined) return;
    this.http.delete(socket);
    // Node itself tells only the first of several pipelined responses that the connection is gone.
    for (const pending of connection.pending) this.ended(connection, pending);
    this.release(connection.inFlight, connection.requests);
    connection.release();
  }

  private release(inFlight: number, requests: number): void {
    this.inFlight -= inFlight;
    this.requests -= requests;
    if (this.inFlight === 0) this.emit('idle');
  }
}

function bringsFirstRequest({ isNew, usedAt }: Connection): boolean {
  return isNew && performance.now() - usedAt < FIRST_REQUEST_MS;
}
