import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The page for people, a file beside this one and beside what is built of it. Its own style and script are all that a
 * browser lets run there, by their hashes (https://www.w3.org/TR/CSP3/).
 */
export function readPage(): Buffer {
  let page = readFileSync(join(import.meta.dirname, 'page.html'), 'utf8');
  for (const element of ['script', 'style']) {
    const [, content] = new RegExp(`<${element}[^>]*>(.*)</${element}>`, 's').exec(page)!;
    const hash = createHash('sha256').update(content!).digest('base64');
    page = page.replace(`'sha256-${element}'`, `'sha256-${hash}'`);
  }
  return Buffer.from(page);
}
