import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import axe from 'axe-core';
import { type Browser, type Page, chromium } from 'playwright-core';
import { CHROMIUM } from '../page/chromium.js';
import { HAPROXY, HAProxy } from '../balancers/haproxy.js';
import { describeWith } from '../support/requirement.js';
import { onCleanUp, start } from '../support/service.js';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

const get = (url: string, accept: string) => fetch(url, { headers: { Accept: accept } });

it.each(['*/*', 'application/json', 'application/json, text/html;q=0.5', 'text/plain', ''])(
  'a client that accepts "%s" gets JSON',
  async (accept) => {
    const { status, headers } = await get((await start()).url, accept);
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/json; charset=utf-8',
      vary: 'Accept',
    });
  },
);

it('a browser gets a page in one file of less than 12 kB, whose policy allows only what the file contains', async () => {
  const response = await get((await start()).url, BROWSER);
  const html = await response.text();
  const hash = (element: string) => {
    const [, content] = new RegExp(`<${element}[^>]*>(.*)</${element}>`, 's').exec(html)!;
    return `sha256-${createHash('sha256').update(content!).digest('base64')}`;
  };
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'cache-control': 'no-store',
    'content-length': String(Buffer.byteLength(html)),
    'content-security-policy': `default-src 'none'; connect-src 'self'; script-src '${hash('script')}'; style-src '${hash('style')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'content-type': 'text/html; charset=utf-8',
    vary: 'Accept',
    'x-content-type-options': 'nosniff',
  });
  expect(html.length).toBeLessThan(12_000);
  expect(html).not.toMatch(/ (src|href)=|url\(|@import/);
});

/** Everything that the browser reports about the page. */
const complaints: string[] = [];

const tile = (page: Page, state: string, { port }: { port: number }) =>
  page.locator(`li.${state}`, { hasText: new RegExp(`:${port}`) });

const lane = (page: Page, { port }: { port: number }) =>
  page.locator('#lanes .lane', { hasText: new RegExp(`:${port}`) });

const number = async (page: Page, name: 'sent' | 'answered' | 'lost') =>
  Number((await page.locator(`#${name}`).textContent())!.replaceAll(',', ''));

/** Forwards `/svc` and all paths below it, without that prefix. */
async function startPrefixProxy(port: number): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    const [, path] = /^\/svc(\/.*)?$/.exec(incoming.url!) ?? [];
    if (!incoming.url!.startsWith('/svc')) return outgoing.writeHead(404).end();
    const { headers } = incoming;
    return request({ port, path: path ?? '/', headers, agent: false }, (answer) => {
      answer.pipe(outgoing.writeHead(answer.statusCode!, answer.headers));
    }).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onCleanUp(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describeWith(
  CHROMIUM !== undefined && HAPROXY !== undefined,
  'Chromium and HAProxy',
  'Install them: apt-get install chromium haproxy',
)('the page in a browser', () => {
  let browser: Browser;
  let balancer: HAProxy;
  let instances: Awaited<ReturnType<typeof start>>[];

  async function join(env: Record<string, string> = {}) {
    const instance = await start(env);
    await balancer.join(instance);
    return instance;
  }

  async function open(url: string): Promise<Page> {
    const page = await browser.newPage();
    page.setDefaultTimeout(120_000); // Playwright's own 30 s are too short for a busy machine.
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(url);
    return page;
  }

  async function openBehindBalancer(): Promise<Page> {
    const page = await open(`http://127.0.0.1:${balancer.port}/`);
    await page.locator('li.serving').nth(2).waitFor();
    return page;
  }

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox'] });
    onCleanUp(() => void browser.close());
  });

  beforeEach(async () => {
    complaints.length = 0;
    balancer = await HAProxy.start('inter 2s fall 2');
  });

  afterEach(async () => {
    balancer.stop();
    for (const context of browser.contexts()) await context.close();
  });

  it('shows a rollout of three instances: each one drains and goes, and no request is lost', async () => {
    instances = await Promise.all([join(), join(), join()]);
    const page = await openBehindBalancer();
    for (const old of instances) {
      const young = await join();
      await tile(page, 'serving', young).waitFor();
      await lane(page, young).locator('.serving path[d*=M]').waitFor({ state: 'attached' });
      const left = balancer.leave(old);
      await tile(page, 'draining', old).waitFor();
      await lane(page, old).locator('.draining path[d*=M]').waitFor({ state: 'attached' });
      await left;
      await tile(page, 'gone', old).waitFor();
      const widths = await page.evaluate("[...document.querySelectorAll('li')].map((tile) => tile.offsetWidth)");
      expect(new Set(widths as number[]).size).toBe(1);
    }
    expect(await number(page, 'answered')).toBeGreaterThan(100);
    expect(await number(page, 'lost')).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('shows the requests that are lost without a drain', async () => {
    balancer.stop();
    balancer = await HAProxy.start('inter 2s fall 1000'); // It keeps the instance that has gone, however slow the page is.
    instances = await Promise.all([join({ DRAIN_DELAY_MS: '0' }), join(), join()]);
    // Until a check has passed, HAProxy takes an instance out when the first one fails.
    await Promise.all(instances.map((each) => balancer.checked(each)));
    const page = await openBehindBalancer();
    instances[0]!.service.kill('SIGTERM');
    await page.locator('#lost.some').waitFor();
    expect(await number(page, 'lost')).toBeGreaterThan(0);
    expect(await page.locator('#losses path').getAttribute('d')).toMatch(/^M/);
  });

  it.each(['/svc', '/svc/'])('sends its requests to its own address: %s', async (path) => {
    const instance = await start();
    const page = await open((await startPrefixProxy(instance.port)) + path);
    await tile(page, 'serving', instance).waitFor();
    expect(await number(page, 'lost')).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("shows a Pod's long name on one line, with its end, and the whole of it as a title", async () => {
    const { url } = await start();
    const page = await browser.newPage({ viewport: { width: 320, height: 640 } });
    const answer = (await (await fetch(url)).json()) as object;
    const json = { ...answer, instance: 'port-binding-service-7d4b9c6f5d-x2x8q', port: 3000 };
    await page.route(url, async (route) =>
      route.request().headers()['accept'] === 'application/json' ? route.fulfill({ json }) : route.continue(),
    );
    await page.goto(url);
    const name = page.locator('li h2');
    await name.waitFor();
    expect(await name.textContent()).toBe('port-binding-service-7d4b9c6f5d-x2x8q:3000');
    expect(await name.getAttribute('title')).toContain('port-binding-service-7d4b9c6f5d-x2x8q');
    const [lines, end, row] = await page.evaluate<[number, number, number]>(`[
      document.querySelector('li h2').offsetHeight / parseFloat(getComputedStyle(document.querySelector('li h2')).lineHeight),
      document.querySelector('li h2 :last-child').getBoundingClientRect().right,
      document.querySelector('li h2').getBoundingClientRect().right,
    ]`);
    expect(lines).toBeCloseTo(1, 1);
    expect(end).toBeLessThanOrEqual(row);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });

  it('is accessible: no violation for axe in light and dark, no sideways scrolling, and a pause key', async () => {
    instances = await Promise.all([join(), join(), join()]);
    const page = await openBehindBalancer();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(async () => (globalThis as unknown as { axe: typeof axe }).axe.run());
      expect(violations).toEqual([]);
    }
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.locator('button[aria-pressed=true]:focus').waitFor();
    const sent = await number(page, 'sent');
    await page.waitForTimeout(1000);
    expect(await number(page, 'sent')).toBe(sent);
  });
});
