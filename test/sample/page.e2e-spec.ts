import { createHash } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import axe from 'axe-core';
import { type Browser, type Page, chromium } from 'playwright-core';
import { CHROMIUM } from '../page/chromium.js';
import { HAPROXY, HAProxy } from '../balancers/haproxy.js';
import { describeWith } from '../support/requirement.js';
import { type Program, onCleanUp, start } from '../support/service.js';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

async function get(url: string, accept?: string) {
  const response = await fetch(url, accept === undefined ? {} : { headers: { Accept: accept } });
  const { status, headers } = response;
  return { status, type: headers.get('Content-Type'), vary: headers.get('Vary'), text: await response.text() };
}

it.each(['*/*', 'application/json', 'application/json, text/html;q=0.5', 'text/plain', ''])(
  'is JSON for who accepts "%s"',
  async (accept) => {
    const { url } = await start();
    expect(await get(url, accept)).toMatchObject({
      status: 200,
      type: 'application/json; charset=utf-8',
      vary: 'Accept',
    });
  },
);

it('is a page for a browser: one file of less than 12 kB, that lets nothing run but what is in it', async () => {
  const { url } = await start();
  const page = await get(url, BROWSER);
  expect(page).toMatchObject({ status: 200, type: 'text/html; charset=utf-8', vary: 'Accept' });
  expect(page.text.length).toBeLessThan(12_000);
  expect(page.text).not.toMatch(/ (src|href)=|url\(|@import/);
  const [, policy] = /content="(default-src 'none';[^"]*)"/.exec(page.text)!;
  for (const element of ['script', 'style']) {
    const [, content] = new RegExp(`<${element}[^>]*>(.*)</${element}>`, 's').exec(page.text)!;
    expect(policy).toContain(`${element}-src 'sha256-${createHash('sha256').update(content!).digest('base64')}'`);
  }
});

/** What a browser has to say of the page. */
const complaints: string[] = [];

const tile = (page: Page, state: string, { service }: { service: Program }) =>
  page.locator(`li.${state}`, { hasText: `process ${service.process.pid}` });

describeWith(
  CHROMIUM !== undefined && HAPROXY !== undefined,
  'Chromium and HAProxy',
  'Install them: apt-get install chromium haproxy',
)('the page, in a browser and behind a balancer,', () => {
  let browser: Browser;
  let balancer: HAProxy;
  let instances: Awaited<ReturnType<typeof start>>[];

  async function join(env: Record<string, string> = {}) {
    const instance = await start(env);
    await balancer.join(instance);
    return instance;
  }

  async function open(): Promise<Page> {
    const page = await browser.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`http://127.0.0.1:${balancer.port}/`);
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

  afterEach(() => {
    balancer.stop();
  });

  it('shows three instances drain and go, and their successors come, with no request lost', async () => {
    instances = await Promise.all([join(), join(), join()]);
    const page = await open();
    for (const old of instances) {
      const young = await join();
      await tile(page, 'serving', young).waitFor();
      const left = balancer.leave(old);
      await tile(page, 'draining', old).waitFor();
      await left;
      await tile(page, 'gone', old).waitFor();
    }
    expect(Number((await page.locator('#answered').textContent())!.replace(',', ''))).toBeGreaterThan(20);
    expect(await page.locator('#lost').textContent()).toBe('0');
    expect(complaints).toEqual([]);
  });

  it('shows what is lost without a drain', async () => {
    instances = await Promise.all([join({ DRAIN_DELAY_MS: '0' }), join(), join()]);
    const page = await open();
    instances[0]!.service.kill('SIGTERM');
    await page.locator('#lost.some').waitFor();
    expect(Number(await page.locator('#lost').textContent())).toBeGreaterThan(0);
  });

  it('can be used by everyone: no violation for axe, light and dark, on a narrow screen, and from the keyboard', async () => {
    instances = await Promise.all([join(), join(), join()]);
    const page = await open();
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
    const sent = await page.locator('#sent').textContent();
    await page.waitForTimeout(1000);
    expect(await page.locator('#sent').textContent()).toBe(sent);
  });
});
