import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Reads `page.html`, with a `Content-Security-Policy` that allows the style and the script inside it, and nothing else. */
export function readPage() {
  const html = readFileSync(new URL('page.html', import.meta.url), 'utf8');
  const hash = (element: string) => {
    const [, content] = new RegExp(`<${element}[^>]*>(.*)</${element}>`, 's').exec(html)!;
    return `'sha256-${createHash('sha256').update(content!).digest('base64')}'`;
  };
  const policy = [
    "default-src 'none'",
    "connect-src 'self'",
    `script-src ${hash('script')}`,
    `style-src ${hash('style')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { html: Buffer.from(html), policy: policy.join('; ') };
}
