import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { Connection } from './connection.js';
import { OrderOfUse } from './order-of-use.js';

/** What Express' parsers keep of a body unless they are told otherwise; what is longer is refused, or a stream. */
const BODY_BYTES = 100 * 1024;

/**
 * How long those who wait to be accepted go before all others: time for the 511 that the kernel holds by Node's default.
 * Not until there are none, as where turns are long each brings one, and then nobody else would be heard.
 */
const ACCEPT_MS = 50;

/**
 * What is open on a server and what is in flight: the one observer of a request's beginning and end.
 *
 * Emits `ended` with each answer that has gone out whole or was cut off, how many milliseconds after its request's header,
 * and how many bytes of it went out, if that is known; and `idle` whenever the last request in flight has ended.
 */
export class Connections extends EventEmitter<{
  ended: [ServerResponse, number, number | undefined];
  idle: [];
}> {
  /** Connections that have been taken since the start. */
  came = 0;
  /** Requests that wait for an answer, or for the rest of one. */
  inFlight = 0;
  /** Requests that Node keeps in memory: those, and the ones that came behind a `Connection: close`. */
  requests = 0;
  /** What may have to be kept in memory of the bodies of those in flight. */
  bodyBytes = 0;
  /** Requests whose answer has gone out whole. */
  answered = 0;
  /** Requests that got no answer since all say `Connection: close`, as one before theirs had said it (RFC 9112, 9.6). */
  unanswered = 0;

  private readonly http = new Map<Socket, Connection>();
  /** The one that came or was answered last comes last. */
  private readonly orderOfUse = new OrderOfUse<Connection>();
  /** Not idle and not in flight: they belong to whoever took them over, such as a WebSocket gateway. */
  private readonly upgradedSockets = new Set<Socket>();
  /** The last that came, until it asks for something: its request may be there already. */
  private newcomer: Connection | undefined;
  private arrivals = 0;
  private reading = true;
  /** What is read from no more until those are taken that wait to be accepted. */
  private readonly paused: Connection[] = [];
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
      this.came++;
      this.arrivals++;
      this.newcomer = new Connection(socket);
      this.http.set(socket, this.newcomer);
      this.orderOfUse.use(this.newcomer);
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
    if (connection === undefined) return !socket?.destroyed; // cut off, or a request that a test has made up
    if (connection === this.newcomer) this.newcomer = undefined;
    this.arrivals++;
    this.requests++;
    const bodyBytes = expectedBody(response.req);
    if (!connection.begin(response, bodyBytes)) {
      if (this.announcing) this.unanswered++;
      return false;
    }
    this.inFlight++;
    this.bodyBytes += bodyBytes;
    // The turn of the event loop ends there as well: whoever is cut off stays in memory until then.
    if (connection.becomesLong) void this.acceptFirst();
    if (this.announcing) connection.announceClose();
    const { began } = connection;
    // It comes once: `once()` would wrap it for each request.
    response.on('close', () => {
      if (response.writableFinished) this.answered++;
      this.emit('ended', response, performance.now() - began, connection.takeSent());
      if (!this.http.has(socket)) return;
      this.orderOfUse.use(connection);
      connection.end(bodyBytes);
      this.ended(1, 1, bodyBytes);
      if (this.closingIdle) connection.closeIfIdle();
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

  /** The request that has come last on a connection is the last one that it answers. */
  closeBehind({ req }: ServerResponse): void {
    this.http.get(req.socket)?.announceClose();
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

  /**
   * Closes, of the connections that no request waits on, the one that was not used for longest.
   *
   * @param spared how many that came or were used last to leave alone: a request may be about to come
   */
  closeLongestIdle(spared: number): boolean {
    let left = this.open - spared;
    for (const { socket, inFlight } of this.orderOfUse) {
      if (left-- <= 0) break;
      if (inFlight === 0) return this.cut(socket);
    }
    return false;
  }

  /**
   * Reads nothing from any connection but a newcomer's, not even what the event loop has found already, until those are
   * taken that wait to be accepted. Then it reads on, first from those who have asked for least and have waited longest.
   */
  async acceptFirst(): Promise<void> {
    await Promise.resolve(); // until what is being parsed is: a connection that Node pauses of itself is for Node to resume
    for (const connection of this.http.values()) {
      if (connection !== this.newcomer && connection.pause()) this.paused.push(connection);
    }
    if (!this.reading) return;
    this.reading = false;
    await setImmediate(); // the end of this turn
    const end = performance.now() + ACCEPT_MS;
    for (let accepted = -1; accepted !== this.arrivals && performance.now() < end;) {
      accepted = this.arrivals;
      await setImmediate();
    }
    this.reading = true;
    const paused = this.paused.splice(0).toSorted((a, b) => a.requests - b.requests);
    paused.forEach((connection) => connection.readOn());
  }

  /** Cuts off the connection with the most requests, if it has more than one. */
  cutLongestPipeline(): boolean {
    const [socket, { requests }] = [...this.http].reduce((a, b) => (b[1].requests > a[1].requests ? b : a));
    return requests > 1 && this.cut(socket);
  }

  /** Tells of what is in flight, the newest of each connection, as ended: for a process that ends before it does. */
  endUnfinished(): void {
    for (const connection of this.http.values()) {
      const { unfinished, began } = connection;
      if (unfinished) this.emit('ended', unfinished, performance.now() - began, connection.takeSent());
    }
  }

  /** Closes whatever is left. */
  destroy(): void {
    for (const socket of this.http.keys()) socket.destroy();
  }

  /**
   * Resolves when nothing is left in the kernel that came before: connections that wait to be accepted, of which Node
   * takes one in a turn of its event loop, and requests that wait to be read.
   *
   * @param withinMs how long to look at most, as more may come all the while
   */
  async settled(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    // Twice, as only the second turn is sure to come after the event loop has looked.
    for (let quiet = 0; quiet < 2 && performance.now() < end; quiet++) {
      const { arrivals } = this;
      await setImmediate();
      if (this.arrivals !== arrivals || !this.reading) quiet = -1;
    }
  }

  /** Resolves when every request has its answer. */
  async idle(): Promise<void> {
    while (this.inFlight > 0) await once(this, 'idle');
  }

  private cut(socket: Socket): true {
    if (this.announcing) this.unanswered += this.http.get(socket)!.inFlight;
    this.forget(socket);
    socket.destroy();
    return true;
  }

  /** Also what was in flight, as Node tells only the first of the answers that wait for a connection when it is gone. */
  private forget(socket: Socket): void {
    const connection = this.http.get(socket);
    if (connection === undefined) return;
    this.http.delete(socket);
    this.orderOfUse.remove(connection);
    this.ended(connection.inFlight, connection.requests, connection.bodyBytes);
  }

  private ended(inFlight: number, requests: number, bodyBytes: number): void {
    this.inFlight -= inFlight;
    this.requests -= requests;
    this.bodyBytes -= bodyBytes;
    if (this.inFlight === 0) this.emit('idle');
  }
}

function expectedBody({ headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return BODY_BYTES;
  return Math.min(Number(headers['content-length'] ?? 0), BODY_BYTES);
}
