import type { Connections } from './connections.js';

/**
 * How long requests may be read in one turn of the event loop. Of every connection that has something to read it would
 * go on to read 64 kB, which can be 2,000 requests, and it takes just one new connection a turn.
 */
const TURN_MS = 20;

/** To read no more from a connection, and then on, takes some 0.01 ms: a tenth of this. */
const TURN_MS_PER_CONNECTION = 0.1;

/**
 * The turn of the event loop that is under way. Bounded, so that who comes on a new connection, a probe above all, is
 * let in and heard in a while, however many there are on the others: saturated, the service is slow, but not silent.
 */
export class Turn {
  private ends: number | undefined;

  constructor(private readonly connections: Connections) {}

  /** A request has come. When the turn has lasted long enough, it is the last one that is read in it. */
  takes(): void {
    if (this.ends === undefined) {
      this.ends = performance.now() + TURN_MS + this.connections.open * TURN_MS_PER_CONNECTION;
      setImmediate(() => (this.ends = undefined));
    } else if (performance.now() > this.ends) {
      this.ends = Infinity;
      void this.connections.acceptFirst();
    }
  }
}
