import type { Connections } from './connections.js';

/** How long requests may be read in one turn of the event loop while somebody waits to be let in. */
const TURN_MS = 20;

/**
 * The turn of the event loop that is under way. Node takes one new connection in each, however many wait; and of every
 * connection that has something to read it reads 64 kB, which can be 2,000 requests. So where new ones come, a long turn
 * is cut short and they are let in first, a platform's probes among them: saturated, the service is slow, but not silent.
 */
export class Turn {
  private ends: number | undefined;
  /** How many connections had come by the end of the last turn, and whether one of them came in that turn. */
  private came = 0;
  private coming = false;

  constructor(private readonly connections: Connections) {}

  /** A request has come. When the turn has lasted long enough, it is the last one that is read in it. */
  takes(): void {
    if (this.ends === undefined) {
      this.ends = performance.now() + TURN_MS;
      setImmediate(() => this.end());
    } else if (performance.now() > this.ends && (this.coming || this.connections.came > this.came)) {
      this.ends = Infinity;
      void this.connections.acceptFirst();
    }
  }

  private end(): void {
    this.ends = undefined;
    this.coming = this.connections.came > this.came;
    this.came = this.connections.came;
  }
}
