import { StartupError } from './startup-error.js';

/**
 * Reads a requested port, such as the variable `PORT`. Only plain digits are one: `Number()` also takes `' 80'`, `'+80'`,
 * `'8e1'` and `'0x50'`, and Node listens on a Unix socket where the text is no number at all.
 *
 * @returns a port from 1 to 65535, or 0 to let the operating system choose
 * @throws {StartupError} when the text is anything else
 */
export function parsePort(text: string): number {
  if (/^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new StartupError(
    `The port is ${JSON.stringify(text.slice(0, 40))}: it must be 0 to let the operating system choose, or a port from 1 to 65535 in plain digits.`,
  );
}
