/**
 * The HEALTHCHECK of an image that has neither a shell nor curl: ends with status 0 when the service is ready.
 *
 * It asks the port that is bound, which `PORT` may not tell.
 */
import { get } from 'node:http';
import { type Listening, listening } from 'port-binding/sockets';
import { READY } from '../health/paths.js';

/** A service that accepts and does not answer is not ready. Docker gives ten seconds, and this program starts within them. */
const TIMEOUT_MS = 5000;

/** Every interface includes the loopback. */
const LOOPBACK: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '127.0.0.1' };

async function ready({ address, port }: Listening): Promise<boolean> {
  const host = LOOPBACK[address] ?? address;
  const answer = await new Promise<boolean>((done) => {
    get({ host, port, path: READY, signal: AbortSignal.timeout(TIMEOUT_MS) }, ({ statusCode }) =>
      done(statusCode === 200),
    ).on('error', () => done(false));
  });
  console.log(`${host} port ${port}: ${answer ? '' : 'not '}ready`);
  return answer;
}

async function probe(): Promise<void> {
  const answers = await Promise.all(listening().map(ready));
  process.exit(answers.includes(true) ? 0 : 1);
}

void probe();
