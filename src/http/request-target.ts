import type { IncomingMessage, ServerResponse } from 'node:http';
import { BadRequestException } from '@nestjs/common';

/** Visible ASCII without `#`, because a client keeps the fragment to itself (RFC 3986). */
const ORIGIN_FORM = /^\/[!"$-~]*$/;

const ABSOLUTE_FORM = /^https?:\/\/[^/?#]+(.*)$/i;

/**
 * The path and query of a request, whichever form its target has (https://www.rfc-editor.org/rfc/rfc9112#section-3.2);
 * undefined when that is no valid one.
 *
 * Express would give any other target to `url.parse()`. That throws, which Express answers in HTML, or it warns that it is
 * deprecated, which ends the process under `--throw-deprecation`.
 */
export function originForm({ method, url = '' }: Pick<IncomingMessage, 'method' | 'url'>): string | undefined {
  if (ORIGIN_FORM.test(url)) return url;
  if (url === '*' && method === 'OPTIONS') return '/'; // asked of the whole server
  const [, rest] = ABSOLUTE_FORM.exec(url) ?? [];
  if (rest === undefined || !URL.canParse(url)) return undefined;
  return originForm({ method, url: rest.startsWith('/') ? rest : `/${rest}` });
}

/**
 * Makes a request one that Express understands, or answers it when that is not possible.
 *
 * @returns false when it is answered
 */
export function prepareForExpress(request: IncomingMessage, response: ServerResponse): boolean {
  const { method, headers } = request;
  const target = originForm(request);
  if (target === undefined) {
    const error = new BadRequestException('Invalid request target');
    const body = JSON.stringify(error.getResponse());
    response.writeHead(error.getStatus(), {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': body.length,
    });
    response.end(body);
    return false;
  }
  request.url = target;
  // `If-None-Match: *` is for clients that write. Express would answer a reader with 304, a health check too.
  if ((method === 'GET' || method === 'HEAD') && headers['if-none-match'] === '*') delete headers['if-none-match'];
  return true;
}
