import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** The bounds of nginx, https://nginx.org/en/docs/http/ngx_http_core_module.html#lingering_time and the next. */
const LINGERING_TIME_MS = 30_000;
const LINGERING_TIMEOUT_MS = 5_000;

/** Twice what Cloud Run lets through, the largest of the platforms' limits: https://cloud.google.com/run/quotas. */
const LINGERING_BYTES = 64 * 1024 * 1024;

/**
 * Closes a connection behind its last answer without taking that answer back. If it were closed while the client is still
 * sending, the kernel would send a reset. A reset overtakes the answer, and balancers make a 502 of it. So we first read and
 * throw away what the client sends, within bounds (RFC 9112, 9.6).
 *
 * @param request the newest on the connection: its body may still be on its way
 * @param pipelining whether the client sends requests without waiting for answers: more of them may be on their way
 * @param close closes without lingering
 */
export function lingeringClose(
  socket: Socket,
  request: IncomingMessage | undefined,
  pipelining: boolean,
  close: () => void,
): void {
  const bodyOnItsWay = request !== undefined && !request.complete;
  if (!bodyOnItsWay && !pipelining) return close();

  const [end, limit] = [performance.now() + LINGERING_TIME_MS, socket.bytesRead + LINGERING_BYTES];
  // We look now and then, because a listener for 'data' would take the connection away from Node's parser.
  const watch = setInterval(() => {
    if (performance.now() > end || socket.bytesRead > limit) close();
  }, 100);
  socket.once('close', () => clearInterval(watch));
  socket.setTimeout(LINGERING_TIMEOUT_MS, close);

  if (pipelining) {
    socket.end(); // How much is still to come only the client knows. It ends its side when it sees this end.
  } else {
    request?.once('end', close);
  }
  request?.resume(); // the handler may have paused it
}
