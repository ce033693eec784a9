import type { IncomingHttpHeaders } from 'node:http';

/** The headers in which a router passes on the id of a request: the common one, AWS's and Google Cloud's. */
const HEADERS = ['x-request-id', 'x-amzn-trace-id', 'x-cloud-trace-context'];

/** A client may send anything here. Without spaces, quotes and control characters, an id is safe in any log. */
const SAFE = /^[\w.:;=/+@-]{1,128}$/;

/**
 * The beginning of all ids that this process gives. An id need not be a secret, and loading `node:crypto` takes 2 % of the CPU
 * time of a start.
 */
const PROCESS = Math.random().toString(36).slice(2, 12).padEnd(10, '0');

let count = 0;

/** The id that the router gave to a request, or a new one. */
export function requestId(headers: IncomingHttpHeaders): string {
  for (const name of HEADERS) {
    const id = headers[name];
    if (typeof id === 'string' && SAFE.test(id)) return id;
  }
  return `${PROCESS}-${++count}`;
}
