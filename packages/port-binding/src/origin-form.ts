import type { IncomingMessage } from 'node:http';

/** Visible ASCII without `#`, because a client keeps the fragment to itself (RFC 3986). */
const ORIGIN_FORM = /^\/[!"$-~]*$/;

const ABSOLUTE_FORM = /^https?:\/\/[^/?#]+(.*)$/i;

/**
 * The path and query of a request, whichever form its target has (https://www.rfc-editor.org/rfc/rfc9112#section-3.2);
 * undefined when that is no valid one.
 */
export function originForm({ method, url = '' }: Pick<IncomingMessage, 'method' | 'url'>): string | undefined {
  if (ORIGIN_FORM.test(url)) return url;
  if (url === '*' && method === 'OPTIONS') return '/'; // asked of the whole server
  const [, rest] = ABSOLUTE_FORM.exec(url) ?? [];
  if (rest === undefined || !URL.canParse(url)) return undefined;
  return originForm({ method, url: rest.startsWith('/') ? rest : `/${rest}` });
}
