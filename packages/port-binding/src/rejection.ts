import { type IncomingMessage, STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Connections } from './connections/connections.js';
import type { FairAccept } from './overload/fair-accept.js';

/** The status for what Node's parser refuses, by the error's code. Everything else is a bad request. */
const STATUS: Partial<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431, // 16 kB, unless Node runs with --max-http-header-size
};

const JSON_TYPE = 'application/json; charset=utf-8';

/** A host with or without a port; empty is allowed (https://www.rfc-editor.org/rfc/rfc9110#section-7.2). */
const HOST = /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(:\d*)?$/i;

/** Node's own pattern: whatever else a client expects, this program cannot meet it. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

interface Rejection {
  status: number;
  reason: string;
}

const UNKNOWN_EXPECTATION: Rejection = { status: 417, reason: 'The only expectation that can be met is 100-continue' };
const INVALID_HOST: Rejection = { status: 400, reason: 'There must be one Host header, with a valid host' };

/** An error of Node's parser. */
interface ParseError extends NodeJS.ErrnoException {
  /** The parser's own words, such as `Invalid character in chunk size`. */
  reason?: string;
}

/**
 * Answers what is no valid request, in JSON, in place of Node. Nobody could count, log or bound Node's own answers, because
 * such a request never becomes an event.
 */
export function rejectInvalidRequests(server: Server, connections: Connections, fairAccept: FairAccept): void {
  // Both then become requests like any other, for `rejectionOf` to find.
  Object.assign(server, { requireHostHeader: false }); // not among Node's types
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  if (server.listenerCount('clientError') > 0) return; // The program has an answer of its own.

  const reject = (error: ParseError, socket: Socket) => {
    const connection = connections.of(socket);
    if (connection?.inputIgnored) return; // Its answer is on its way.
    if (connection === undefined || !socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status = STATUS[error.code ?? ''] ?? 400;
    const reason = error.reason ?? error.message;
    connections.emit('rejected', { socket, status, reason });
    connection.ignoreInput();
    const { unfinished, inFlight } = connection;
    if (unfinished?.req.complete) {
      // Whole requests came first, and get their responses. The one behind them gets none.
      connection.announceClose();
    } else if (inFlight > 1 || unfinished?.headersSent) {
      socket.destroy();
    } else {
      socket.write(rawResponse(status, reason));
      // The rest of a body that a handler waits for will never come.
      if (inFlight > 0) socket.destroy();
      else connection.closeIfIdle();
    }
  };
  server.on('clientError', async (error: ParseError, socket: Socket) => {
    const connection = connections.of(socket);
    // It may be this server that is late: on a busy one, a request that has come in time may be unread. Not behind a part of
    // its header, because Node would no longer limit the time of the rest.
    const mayBeUnread = socket.bytesRead === 0 || connection?.unfinished?.req.complete === false;
    const late = connection !== undefined && error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && mayBeUnread;
    if (!late || !(await fairAccept.readFirst(connection))) reject(error, socket);
  });
}

/** @returns why a request is rejected and with which status, or undefined for a valid one */
export function rejectionOf({ headers, httpVersion, rawHeaders }: IncomingMessage): Rejection | undefined {
  if (headers.expect !== undefined && !CONTINUE.test(headers.expect)) return UNKNOWN_EXPECTATION;
  // One valid Host, or none in HTTP/1.0 (https://www.rfc-editor.org/rfc/rfc9112#section-3.2).
  if (headers.host === undefined) return httpVersion === '1.0' ? undefined : INVALID_HOST;
  return HOST.test(headers.host) && count(rawHeaders, 'host') === 1 ? undefined : INVALID_HOST;
}

/** Answers with an error, in the form that Nest gives to errors. */
export function respondWithError(response: ServerResponse, status: number, message: string): void {
  const body = errorBody(status, message);
  response.statusCode = status;
  response.setHeader('Content-Type', JSON_TYPE);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}

function rawResponse(status: number, reason: string): string {
  const body = errorBody(status, reason);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    `Content-Type: ${JSON_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

function errorBody(statusCode: number, message: string): string {
  return JSON.stringify({ statusCode, message, error: STATUS_CODES[statusCode] });
}

/** How often a header stands in a request. */
function count(rawHeaders: string[], name: string): number {
  let found = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const header = rawHeaders[index]!;
    if (header.length === name.length && header.toLowerCase() === name) found++;
  }
  return found;
}
