import type { IncomingMessage, ServerResponse } from 'node:http';
import { BadRequestException } from '@nestjs/common';
import { originForm } from 'port-binding';

/**
 * Makes a request one that Express understands, or answers it when that is not possible. Express would give a target that is
 * not in origin form to `url.parse()`. That throws, which Express answers in HTML, or it warns that it is deprecated, which
 * ends the process under `--throw-deprecation`.
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
