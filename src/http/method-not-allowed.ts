import { MethodNotAllowedException } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';

/** A route or a middleware in Express's router. Its types leave `match` out. */
interface Layer {
  route?: { methods: Record<string, boolean> };
  match(path: string): boolean;
}

/**
 * Answers for a path that exists but lacks the method: 405, or 204 to OPTIONS, both with `Allow`. Install it behind all
 * routes. It leaves other paths to the 404. See https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6.
 */
export function methodNotAllowed(request: Request, response: Response, next: NextFunction): void {
  const { app, method, originalUrl, path } = request;
  const layers = app.router.stack as unknown as Layer[];
  const methods = layers.filter((layer) => layer.route && layer.match(path)).flatMap((layer) => methodsOf(layer));
  // With the method, or for a middleware of all methods, a handler has had the request and called `next()`.
  if (methods.length === 0 || methods.includes(method)) return next();

  response.setHeader('Allow', [...new Set([...methods, 'OPTIONS'])].join(', '));
  if (method === 'OPTIONS') return void response.status(204).end();
  const error = new MethodNotAllowedException(`Cannot ${method} ${originalUrl}`);
  response.status(error.getStatus()).json(error.getResponse());
}

function methodsOf({ route }: Layer): string[] {
  const methods = Object.keys(route!.methods).filter((method) => method !== '_all');
  if (methods.includes('get')) methods.push('head');
  return methods.map((method) => method.toUpperCase());
}
