import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** What stays free at least: one event-loop turn can bring some MiB, when bodies are parsed that have come before. */
const MARGIN = 32 * 1024 * 1024;

/** On larger machines more of everything comes at once: this share of their memory stays free. */
const SHARE = 1 / 16;

/** A memory that can run out, and the point at which work has to stop. */
export class Memory {
  private used = 0;
  /** How much is used when nothing is in flight. */
  private atRest = Infinity;
  private afterCollection = 0;

  constructor(
    private readonly limit: number,
    private readonly read: () => number,
  ) {}

  /** How many bytes more may be used; negative beyond the brake point. */
  get room(): number {
    const point = this.limit - Math.max(MARGIN, this.limit * SHARE);
    // A program may rest beyond that point, with a cache of its own or with what the allocator does not give back. Work
    // then gets a third of what is left.
    return Math.max(point, this.atRest + Math.max(0, this.limit - this.atRest) / 3) - this.used;
  }

  /** True when so much has come since the last garbage collection that some of it may be garbage. */
  get mayBeGarbage(): boolean {
    return this.used - this.afterCollection > this.limit * SHARE;
  }

  /** @param resting whether nothing is in flight */
  look(resting: boolean): void {
    this.used = this.read();
    if (this.atRest === Infinity || (resting && this.used < this.atRest)) this.atRest = this.used;
  }

  /** Looks behind a garbage collection: only then is what is used in use. */
  lookCollected(resting: boolean): void {
    this.used = this.afterCollection = this.read();
    if (resting) this.atRest = this.used;
  }
}

/** What V8 keeps objects in. At its limit V8 ends the process. */
export function heap(): Memory {
  return new Memory(getHeapStatistics().heap_size_limit, () => getHeapStatistics().used_heap_size);
}

/** What the process has of its container or machine. At its limit the kernel ends the process. */
export function processMemory(): Memory {
  return new Memory(machineMemory(), anonymousMemory);
}

/** The memory of the container, if it is limited, or of the machine. */
export function machineMemory(): number {
  return Math.min(process.constrainedMemory() || Infinity, totalmem());
}

/** Without the pages of files, such as Node's own program: the kernel drops those before it ends a process. */
function anonymousMemory(): number {
  if (process.platform === 'linux') {
    const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  }
  return process.memoryUsage.rss();
}
