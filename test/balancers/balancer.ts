import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Program } from '../support/service.js';

/** One instance of the service, as a balancer knows it. */
export interface Instance {
  service: Program;
  port: number;
}

/** What sends requests on to instances that come and go, with its retries off, so that nothing hides a lost request. */
export interface Balancer {
  /** Where clients come in. */
  readonly port: number;
  /** The port that the next instance has to bind, where the balancer has a list of them. */
  nextPort?(): number;
  /** Puts an instance in, and waits until it gets requests. */
  join(instance: Instance): Promise<void>;
  /** Ends an instance, in the order in which this balancer's users do it. Resolves when it has ended. */
  leave(instance: Instance): Promise<void>;
  stop(): void;
}

/** Where a program is, or nothing. Debian puts some where not every user's PATH looks. */
export function installed(name: string): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin']
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

/**
 * Waits until what answers on a port of a balancer satisfies a condition.
 *
 * @throws when the balancer ends before
 */
export async function until(
  balancer: Program,
  port: number,
  path: string,
  condition: (text: string) => boolean,
): Promise<void> {
  for (;;) {
    const text = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { Connection: 'close' } }).then(
      async (answer) => answer.text(),
      () => undefined, // It does not listen yet.
    );
    if (text !== undefined && condition(text)) return;
    if (balancer.process.exitCode !== null) throw new Error(`The balancer ended: ${balancer.stderr}`);
    await delay(20);
  }
}

/** Waits until the balancer has sent a request to the instance. */
export async function reached(balancer: Program, port: number, instance: Instance): Promise<void> {
  await until(balancer, port, '/', (text) => text.includes(`"port":${instance.port},`));
}
