import type { IncomingMessage } from 'node:http';

/** Where people and platforms ask how the service is. Nothing else in `src` spells these paths. */
export const HEALTH = '/health';
export const READY = `${HEALTH}/ready`;
export const LIVE = `${HEALTH}/live`;

/** Recognises requests for `/health`, and for what is below it. */
export function isHealth({ url = '' }: Pick<IncomingMessage, 'url'>): boolean {
  return url.startsWith(HEALTH) && /^[/?]?$/.test(url.charAt(HEALTH.length));
}
