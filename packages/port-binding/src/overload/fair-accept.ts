import { setImmediate } from 'node:timers/promises';
import type { Connection } from '../connections/connection.js';
import type { Connections } from '../connections/connections.js';

/** How long requests may be read in one event-loop turn while somebody waits to be accepted, in milliseconds. */
const TURN_MS = 20;

/**
 * How long those who wait to be accepted go first, in milliseconds: enough for the 511 that the kernel holds by Node's
 * default. It has an end because each long turn brings another newcomer, and then nobody else would be read.
 */
const ACCEPT_MS = 50;

/** With more requests in flight, no more are read until they are answered. The 64 KiB that Node reads at once can be 2,621. */
const LONG_PIPELINE = 100;

/**
 * Lets new connections in while others keep the program busy. Node accepts one connection per event-loop turn, however many
 * wait. In the same turn it reads 64 KiB of every connection, up to 2,621 requests of each. So a long turn is cut short while
 * new connections come, and those are accepted first, a platform's probes among them.
 */
export class FairAccept {
  /** Undefined when the turn is not watched. */
  private turnEnds: number | undefined;
  /** How many connections were accepted by the end of the last watched turn, and of the one before. */
  private accepted = 0;
  private acceptedBefore = 0;
  private readonly paused: Connection[] = [];
  /** Connections whose pipeline is long: not read until most of it is answered. */
  private readonly held = new Set<Connection>();
  /** The connection that was accepted last, until it sends a request, which may be there already. */
  private newcomer: Connection | undefined;
  /** Connections whose time is over, until a request arrives on them. */
  private readonly overdue = new Set<Connection>();
  /** The one of them that is read whoever waits. One at a time, because each can bring 64 KiB of requests. */
  private first: Connection | undefined;
  private looks: Promise<void> = Promise.resolve();

  constructor(private readonly connections: Connections) {
    connections.on('ended', () => {
      for (const connection of this.held) this.readOn(connection);
    });
  }

  connectionAccepted(connection: Connection): void {
    this.newcomer = connection;
  }

  /** When the event-loop turn has lasted long enough, this is the last request that is read in it. */
  requestArrived(connection: Connection): void {
    if (connection === this.newcomer) this.newcomer = undefined;
    if (connection === this.first) this.first = undefined;
    if (this.overdue.size > 0) this.overdue.delete(connection);
    if (connection.inFlight === LONG_PIPELINE + 1) void this.acceptFirst();
    // Watch a turn only if a connection came in it or in the last one: reading the clock for each request costs too much.
    if (this.turnEnds === undefined && this.connections.accepted !== this.acceptedBefore) {
      this.turnEnds = performance.now() + TURN_MS;
      globalThis.setImmediate(() => this.endTurn());
    } else if (this.turnEnds !== undefined && performance.now() > this.turnEnds) {
      this.turnEnds = Infinity;
      void this.acceptFirst();
    }
  }

  /**
   * Reads what has come on a connection, before all others.
   *
   * @returns true if that completed a request
   */
  async readFirst(connection: Connection): Promise<boolean> {
    if (this.held.has(connection)) return false;
    const request = connection.unfinished?.req;
    const bodyAwaited = request?.complete === false;
    this.overdue.add(connection);
    await (this.looks = this.looks.then(async () => this.look(connection)));
    const arrived = !this.overdue.delete(connection);
    return bodyAwaited ? request.complete : arrived;
  }

  /**
   * Reads nothing from any connection but the newcomer's until those are accepted that wait for it. Then it reads on,
   * first from those that have asked for least, and of these, from those that have waited longest.
   */
  async acceptFirst(): Promise<void> {
    await Promise.resolve(); // Node's parser is done then: a connection that Node pauses itself is for Node to resume.
    for (const connection of this.connections) {
      if (connection === this.newcomer || connection === this.first || connection.socket.isPaused()) continue;
      connection.socket.pause();
      this.paused.push(connection);
    }
    if (this.connections.paused) return;
    this.connections.paused = true;
    await setImmediate(); // the end of this turn
    const end = performance.now() + ACCEPT_MS;
    for (let accepted = -1; accepted !== this.connections.accepted && performance.now() < end;) {
      ({ accepted } = this.connections);
      await setImmediate();
    }
    this.connections.paused = false;
    const paused = this.paused.splice(0).toSorted((a, b) => a.requests - b.requests || a.usedAt - b.usedAt);
    for (const connection of paused) this.readOn(connection);
  }

  private async look(connection: Connection): Promise<void> {
    if (!this.overdue.has(connection)) return;
    this.first = connection;
    connection.socket.resume();
    // Two turns, because only the second is sure to come after the event loop has looked.
    await setImmediate();
    await setImmediate();
    this.first = undefined;
  }

  private readOn(connection: Connection): void {
    if (connection.inFlight > LONG_PIPELINE && !connection.socket.destroyed) {
      this.held.add(connection);
    } else {
      this.held.delete(connection);
      connection.socket.resume();
    }
  }

  private endTurn(): void {
    this.turnEnds = undefined;
    this.acceptedBefore = this.accepted;
    ({ accepted: this.accepted } = this.connections);
  }
}
