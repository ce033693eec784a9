import type { Connections } from './connections.js';

/** How long requests may be read in one turn of the event loop while somebody waits to be let in. */
const TURN_MS = 20;

/**
 * The turn of the event loop that is under way. Node takes one new connection in each, however many wait; and of every
 * connection that has something to read it reads 64 kB, which can be 2,000 requests. So where new ones come, a long turn
 * is cut short and they are let in first, a platform's probes among them: saturated, the service is slow, but not silent.
 */
export class Turn {
  /** Undefined when the turn is not watched. */
  private ends: number | undefined;
  /** How many connections had come by the end of the turn that was watched last, and of the one before. */
  private came = 0;
  private cameBefore = 0;

  constructor(private readonly connections: Connections) {}

  /** A request has come. When the turn has lasted long enough, it is the last one that is read in it. */
  takes(): void {
    // A turn is watched only if someone has come in it or in the last one: to look at the clock for each request is dear.
    if (this.ends === undefined && this.connections.came !== this.cameBefore) {
      this.ends = performance.now() + TURN_MS;
      setImmediate(() => this.end());
    } else if (this.ends !== undefined && performance.now() > this.ends) {
      this.ends = Infinity;
      void this.connections.acceptFirst();
    }
  }

  private end(): void {
    this.ends = undefined;
    this.cameBefore = this.came;
    this.came = this.connections.came;
  }
}
