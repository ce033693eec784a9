import { existsSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';

/** The least that stays free, in bytes: one event-loop turn can bring some MiB, when it parses bodies that came before. */
const MARGIN = 32 * 1024 * 1024;

/** On larger machines more of everything comes at once: this share of their memory stays free. */
const SHARE = 1 / 16;

/**
 * How long what other processes have used is kept free for them, in milliseconds: platforms check health more often. And
 * what is kept free before any was seen, in bytes: a health check that runs Node takes as much.
 */
const [KEPT_FREE_MS, KEPT_FREE] = [60_000, 16 * 1024 * 1024];

/** A memory that can run out, and the point at which work has to stop. */
export class Memory {
  private used = 0;
  /** The most that others have used lately, and until when it counts. */
  private others: { most: number; until: number };
  /** How much is used when nothing is in flight. */
  private atRest = Infinity;
  private afterCollection = 0;

  /**
   * @param whole how many bytes there are
   * @param read tells how many of them this process uses
   * @param readAll tells how many of them all processes use, where other processes share the memory
   */
  constructor(
    private readonly whole: number,
    private readonly read: () => number,
    private readonly readAll?: () => number,
  ) {
    this.others = { most: readAll ? KEPT_FREE : 0, until: performance.now() + KEPT_FREE_MS };
  }

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
    const others = this.readAll ? Math.max(0, this.readAll() - this.used) : 0;
    const now = performance.now();
    if (others > this.others.most || now > this.others.until) this.others = { most: others, until: now + KEPT_FREE_MS };
    if (this.atRest === Infinity || (resting && this.used < this.atRest)) this.atRest = this.used;
  }

  /** Looks behind a garbage collection: only then is what is used in use. */
  lookCollected(resting: boolean): void {
    this.used = this.afterCollection = this.read();
    if (resting) this.atRest = this.used;
  }

  private get limit(): number {
    return this.whole - this.others.most;
  }
}

/** The memory for V8's objects. At its limit V8 ends the process. */
export function heap(): Memory {
  return new Memory(heapLimit(), () => getHeapStatistics().used_heap_size);
}

/** The memory of the container or the machine. At its limit the kernel ends the process. */
export function systemMemory(): Memory {
  return new Memory(machineMemory(), processUsage, containerUsage());
}

/** The memory of the container, if it is limited, or of the machine. */
export function machineMemory(): number {
  return Math.min(process.constrainedMemory() || Infinity, totalmem());
}

/** By this option, new objects have 48 MiB or more beside it. V8 adds those to its limit, but objects that stay never get them. */
export function heapLimit(): number {
  const options = [...process.execArgv, process.env['NODE_OPTIONS']].join(' ');
  const [, mebibytes] = /--max[-_]old[-_]space[-_]size=(\d+)/.exec(options) ?? [];
  return Math.min(getHeapStatistics().heap_size_limit, Number(mebibytes ?? Infinity) * 1024 * 1024);
}

/** The files of both versions of cgroups (https://docs.kernel.org/admin-guide/cgroup-v2.html, .../cgroup-v1/memory.html). */
const CGROUPS = [
  { path: /^0::(.*)$/m, root: '/sys/fs/cgroup', usage: 'memory.current', pages: /^(?:in)?active_file (\d+)$/gm },
  {
    path: /^\d+:(?:.+,)?memory(?:,.+)?:(.*)$/m,
    root: '/sys/fs/cgroup/memory',
    usage: 'memory.usage_in_bytes',
    pages: /^total_(?:in)?active_file (\d+)$/gm,
  },
];

/**
 * Reads what all processes in a container use, if its memory is limited. A health check in it can take half as much as the
 * service. The pages of files do not count, such as Node's own program: the kernel drops those before it ends a process.
 */
function containerUsage(): (() => number) | undefined {
  if (process.platform !== 'linux' || machineMemory() === totalmem()) return undefined;
  const own = readFileSync('/proc/self/cgroup', 'latin1');
  for (const { path, root, usage, pages } of CGROUPS) {
    // In a container, its own group may be mounted as the root.
    const folders = [join(root, path.exec(own)?.[1] ?? '/'), root];
    const folder = folders.find((each) => existsSync(join(each, usage)));
    if (folder === undefined) continue;
    return () => {
      const files = readFileSync(join(folder, 'memory.stat'), 'latin1').matchAll(pages);
      return [...files].reduce(
        (rest, [, bytes]) => rest - Number(bytes),
        Number(readFileSync(join(folder, usage), 'latin1')),
      );
    };
  }
  return undefined;
}

/** Without the pages of files. */
function processUsage(): number {
  if (process.platform === 'linux') {
    const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  }
  return process.memoryUsage.rss();
}
