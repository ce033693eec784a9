import { get } from 'node:http';
import { type Listening, listening } from './sockets.js';

/** A service that accepts and does not answer is not ready. Docker gives ten seconds, and this program starts within them. */
const TIMEOUT_MS = 5000;

/** Every interface includes the loopback. */
const LOOPBACK: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '127.0.0.1' };

/**
 * Asks each port on which a process of this container listens, and logs the answer. So it needs no requested port. It serves
 * as the health check of an image that has neither a shell nor curl, and needs Linux.
 *
 * @param path the path that answers 200 when the service is ready, such as `/health/ready`
 * @returns whether one of the ports is ready
 */
export async function probe(path: string): Promise<boolean> {
  const answers = await Promise.all(listening().map((socket) => ready(socket, path)));
  return answers.includes(true);
}

async function ready({ address, port }: Listening, path: string): Promise<boolean> {
  const host = LOOPBACK[address] ?? address;
  const answer = await new Promise<boolean>((done) => {
    get({ host, port, path, signal: AbortSignal.timeout(TIMEOUT_MS) }, ({ statusCode }) => done(statusCode === 200)).on(
      'error',
      () => done(false),
    );
  });
  console.log(`${host} port ${port}: ${answer ? '' : 'not '}ready`);
  return answer;
}
