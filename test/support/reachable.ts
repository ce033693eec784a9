import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Waits until something listens on a port: for a program that has no log line to tell so. */
export async function answering(port: number): Promise<void> {
  while (!(await reachable(port))) await delay(20);
}

/** Waits until nothing listens on a port. */
export async function refusing(port: number): Promise<void> {
  while (await reachable(port)) await delay(20);
}

/** Whether something listens on a port. */
export async function reachable(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect(port, host);
  return once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}
