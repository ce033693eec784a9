import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../connections/connection.js';
import type { Connections } from '../connections/connections.js';
import { Brake, type Load } from './brake.js';
import { Memory } from './memory.js';

const MIB = 1024 * 1024;

/** Of 128 MiB, with the brake point at 96. */
let used: number;
let brake: Brake;
let load: FakeLoad;

beforeEach(() => {
  used = 20 * MIB;
  brake = new Brake([new Memory(128 * MIB, () => used)]);
  load = new FakeLoad();
  brake.add(load);
  much();
});

// It would go on looking, and the memory of the tests is the same.
afterEach(() => brake.remove(load));

/** More work than there is room for without another look. */
const much = () => brake.work(128 * MIB);

/** A server whose connections hold so many MiB each, by their names. */
class FakeLoad implements Load {
  held = new Map<string, number>();
  pauses = 0;
  inFlight: number | undefined;
  /** What is free once a connection is cut off. */
  freed = (mebibytes: number) => (used -= mebibytes * MIB);

  get connections(): Connections {
    const names = [...this.held.keys()];
    return {
      inFlight: this.inFlight ?? names.length,
      [Symbol.iterator]: () => names.values(),
    } as unknown as Connections;
  }

  heldBy(connection: Connection): number {
    return this.held.get(connection as unknown as string)! * MIB;
  }

  cut(connection: Connection): void {
    this.freed(this.heldBy(connection) / MIB);
    this.held.delete(connection as unknown as string);
  }

  pause(): void {
    this.pauses++;
  }
}

it('is off while there is memory', () => {
  load.held = new Map([['a', 70]]);
  used = 90 * MIB;
  much();
  expect([brake.engaged, load.pauses, load.held.size]).toEqual([false, 0, 1]);
});

it('keeps as much free for other processes as they have used lately', () => {
  brake.remove(load);
  let others = 0;
  brake = new Brake([
    new Memory(
      128 * MIB,
      () => used,
      () => used + others,
    ),
  ]);
  brake.add(load);
  much();
  load.held = new Map([['a', 50]]);
  used = 70 * MIB;
  much();
  expect(load.pauses).toBe(0);
  others = 30 * MIB;
  much();
  expect([load.pauses, load.held.size]).toEqual([1, 0]);
  others = 0;
  load.held.set('a', 0.01);
  used = 70 * MIB;
  much();
  expect(brake.engaged).toBe(true);
});

it('looks at memory again when work has come, even within one event-loop turn', () => {
  load.held = new Map([['a', 70]]);
  used = 100 * MIB;
  brake.work(MIB);
  expect(load.pauses).toBe(0); // far from what there was room for
  brake.work(20 * MIB);
  expect(load.pauses).toBe(1);
});

it('looks at memory again after a while, because work takes more later', async () => {
  load.held = new Map([['a', 70]]);
  brake.work(MIB);
  used = 100 * MIB;
  while (load.pauses === 0) await delay(5);
  expect(load.held.size).toBe(0);
});

describe('beyond the brake point', () => {
  it('cuts off those who hold most, no more of them than a quarter of what all hold', () => {
    load.held = new Map([
      ['small', 1],
      ['large', 20],
      ['larger', 22],
      ['equal', 22],
      ['small too', 1],
    ]);
    used = 100 * MIB;
    much();
    expect([...load.held.keys()]).toEqual(['small', 'large', 'larger', 'small too']);
    much();
    expect([brake.engaged, load.held.size]).toEqual([false, 4]);
  });

  it('cuts nobody off while what was cut off before is not seen to be free', () => {
    load.freed = () => 0;
    load.held = new Map(Array.from({ length: 8 }, (_, index) => [String(index), 8]));
    used = 100 * MIB;
    much();
    const { size } = load.held;
    expect(size).toBe(6);
    for (let looks = 0; looks < 10; looks++) much();
    expect([brake.engaged, load.held.size]).toEqual([true, size]);
    used = 110 * MIB; // More has come. What is garbage has been collected.
    much();
    expect(load.held.size).toBeLessThan(size);
  });

  it('cuts off those first who have their answer and still send', () => {
    const [answered, waiting] = ['answered', 'waiting'].map((name) =>
      Object.assign(new String(name), { lingering: false }),
    );
    answered!.lingering = true;
    load.held = new Map([
      [answered, 0.01],
      [waiting, 50],
    ] as unknown as [string, number][]);
    used = 100 * MIB;
    much();
    expect([...load.held.keys()]).toEqual([waiting]);
    used = 110 * MIB;
    much();
    expect(load.held.size).toBe(0);
  });

  it('cuts off nobody who holds next to nothing', () => {
    load.held = new Map([
      ['a', 0.01],
      ['b', 0.01],
    ]);
    used = 100 * MIB;
    much();
    expect([brake.engaged, load.held.size]).toEqual([true, 2]);
  });

  it("takes it for the program's own what is used when nothing is in flight, and lets work have a third of the rest", () => {
    load.inFlight = 0;
    used = 104 * MIB;
    much();
    much();
    expect(brake.engaged).toBe(false);
    used = 111 * MIB;
    load.inFlight = 2;
    much();
    expect(brake.engaged).toBe(false);
    used = 113 * MIB;
    much();
    expect(brake.engaged).toBe(true);
  });

  it('looks at all servers of the process', () => {
    const other = new FakeLoad();
    brake.add(other);
    load.held = new Map([['a', 10]]);
    other.held = new Map([['b', 70]]);
    used = 100 * MIB;
    much();
    expect([load.held.size, other.held.size, load.pauses, other.pauses]).toEqual([1, 0, 1, 1]);
  });
});
