/**
 * The HEALTHCHECK of an image that has neither a shell nor curl: ends with status 0 when the service is ready.
 *
 * It asks the port that is bound, which `PORT` may not tell.
 */
import { get } from 'node:http';
import { READY } from '../health/paths.js';
import { type Address, listeningSockets } from './listening-sockets.js';

/** A service that accepts and does not answer is not ready. Docker gives ten seconds, and this program starts within them. */
const TIMEOUT_MS = 5000;

function ready(address: Address): Promise<boolean> {
  return new Promise((answer) => {
    get({ ...address, path: READY, signal: AbortSignal.timeout(TIMEOUT_MS) }, ({ statusCode }) =>
      answer(statusCode === 200),
    ).on('error', () => answer(false));
  });
}

async function probe(): Promise<void> {
  const sockets = listeningSockets();
  const answers = await Promise.all(sockets.map(ready));
  console.log(
    sockets.map(({ host, port }, index) => `${host} port ${port}: ${answers[index] ? '' : 'not '}ready`).join(),
  );
  process.exit(answers.includes(true) ? 0 : 1);
}

void probe();
