import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Connection } from '../connections/connection.js';
import type { Connections } from '../connections/connections.js';
import { type Memory, heap, systemMemory } from './memory.js';

/** How long work goes on without a look at memory, in milliseconds; and so close to the brake point, in bytes, how long. */
const [LOOK_MS, NEAR, LOOK_NEAR_MS] = [20, 16 * 1024 * 1024, 1];

/**
 * How much work goes on without a look at memory: this share of the free room, but at least so many bytes. The share is
 * small, because work can take many times what we know of it. A look takes 0.1 ms: with 50 MiB free, 1 µs per request.
 */
const [SHARE_OF_ROOM, LEAST_WORK] = [1 / 32, 64 * 1024];

/** Connections that hold less than this are never cut off, because that would free nothing. */
const LEAST_HELD = 32 * 1024;

/** A server as the brake sees it: how much its connections hold, and how to stop them. */
export interface Load {
  readonly connections: Connections;
  /** About how many bytes a connection holds in memory. */
  heldBy(connection: Connection): number;
  /** Cuts a connection off. */
  cut(connection: Connection): void;
  /** Reads nothing more in this event-loop turn. */
  pause(): void;
}

/**
 * Stops work before memory runs out, by what is measured: a count of what clients send cannot know what the program
 * allocates for it. Beyond the brake point nothing more is read in the same event-loop turn, and servers refuse new
 * work. When garbage collection does not help, those who hold most are cut off.
 */
export class Brake {
  private readonly loads = new Set<Load>();
  private room = Infinity;
  private workSinceLook = 0;
  private workUntilLook = 0;
  private hasCut = false;
  private nextLook: NodeJS.Timeout | undefined;
  private collectGarbage: (() => void) | undefined;

  /** @param memories the memories that can run out. By default, the process's own, looked up when work comes. */
  constructor(private memories?: Memory[]) {}

  /** True while there is no room for new work. */
  get engaged(): boolean {
    return this.room < 0;
  }

  add(load: Load): void {
    this.loads.add(load);
  }

  remove(load: Load): void {
    this.loads.delete(load);
  }

  /**
   * Work has come. We look at memory by how much that is, because a single event-loop turn can bring more than there is
   * room for; and by the clock, because work takes more memory later.
   *
   * @param bytes about how much memory it takes
   */
  work(bytes: number): void {
    this.workSinceLook += bytes;
    if (this.workSinceLook > this.workUntilLook) this.look();
    else this.lookSoon();
  }

  private lookSoon(): void {
    this.nextLook ??= setTimeout(
      () => {
        this.nextLook = undefined;
        this.look();
      },
      this.room < NEAR ? LOOK_NEAR_MS : LOOK_MS,
    ).unref();
  }

  private look(): void {
    const inFlight = [...this.loads].reduce((sum, { connections }) => sum + connections.inFlight, 0);
    const resting = inFlight === 0;
    this.memories ??= [heap(), systemMemory()];
    for (const memory of this.memories) memory.look(resting);
    if (this.leastRoom < 0) this.relieve(resting);
    this.room = this.leastRoom;
    this.workSinceLook = 0;
    this.workUntilLook = Math.max(this.room * SHARE_OF_ROOM, LEAST_WORK);
    if (inFlight > 0) this.lookSoon();
  }

  private relieve(resting: boolean): void {
    for (const load of this.loads) load.pause();
    // Without a collection nobody knows how much is garbage, nor what has become free since others were cut off.
    if (!resting && !this.memories!.some(({ mayBeGarbage }) => mayBeGarbage)) return;
    this.collectGarbage ??= garbageCollection();
    this.collectGarbage();
    // Connections that were cut off just before may still be closing: they do not count as the program at rest.
    for (const memory of this.memories!) memory.lookCollected(resting && !this.hasCut);
    this.hasCut = false;
    if (this.leastRoom < 0) this.cut();
  }

  /**
   * Cuts off those who have their answer and still send. Without any, those who hold most, until a quarter is free of what
   * all hold: of equals, those who came last.
   */
  private cut(): void {
    for (const load of this.loads) {
      for (const connection of load.connections) {
        if (!connection.lingering) continue;
        load.cut(connection);
        this.hasCut = true;
      }
    }
    if (this.hasCut) return;
    const held = [...this.loads]
      .flatMap((load) =>
        [...load.connections].map((connection) => ({ load, connection, bytes: load.heldBy(connection) })),
      )
      .toReversed()
      .toSorted((a, b) => b.bytes - a.bytes);
    let toFree = held.reduce((sum, { bytes }) => sum + bytes, 0) / 4;
    for (const { load, connection, bytes } of held) {
      if (toFree <= 0 || bytes < LEAST_HELD) break;
      load.cut(connection);
      this.hasCut = true;
      toFree -= bytes;
    }
  }

  private get leastRoom(): number {
    return Math.min(...this.memories!.map(({ room }) => room));
  }
}

/** All servers of a process share its memory. */
export const brake = new Brake();

/**
 * V8 has this only by an option, which can also be set later. The last resort gives free pages back to the system. Node 20
 * takes any options for a collection of new objects alone.
 */
function garbageCollection(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: object) => void;
  const options = process.version.startsWith('v20.')
    ? undefined
    : { type: 'major', execution: 'sync', flavor: 'last-resort' };
  return () => collect(options);
}
