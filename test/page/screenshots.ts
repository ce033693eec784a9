/** Makes the README's pictures of the page during a rollout, light and dark: `npm run screenshots`. */
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { HAProxy } from '../balancers/haproxy.js';
import { start } from '../support/service.js';
import { CHROMIUM } from './chromium.js';

// The checks that the default drain delay is made for.
const balancer = await HAProxy.start('inter 2s fall 2');
const join = async () => {
  const instance = await start({ REVISION: '5c1e7aa' });
  await balancer.join(instance);
  return instance;
};
const instances = [await join(), await join(), await join()];

const browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 900, height: 560 }, deviceScaleFactor: 1.5 });
page.setDefaultTimeout(120_000);
await page.goto(`http://127.0.0.1:${balancer.port}/`);
await page.locator('li.serving').nth(2).waitFor();

// Replaced in the order of their lanes, they make a picture that reads from top to bottom.
const names = await page.locator('li h2').allTextContents();
instances.sort((a, b) => names.indexOf(`${hostname()}:${a.port}`) - names.indexOf(`${hostname()}:${b.port}`));

for (const [index, old] of instances.entries()) {
  await page.locator('li.serving').nth(2).waitFor();
  await delay(6000); // The lanes show three instances that serve.
  await join();
  const left = balancer.leave(old);
  await page.locator('li.draining').waitFor();
  if (index < 2) await left; // The picture is of the moment when the last one drains.
}
await delay(2000);

// A page that pauses shows the same moment in both pictures. Then the last answers come in, and its numbers add up.
await page.locator('button').click();
const count = (name: string) => page.locator(`#${name}`).textContent();
while ((await count('sent')) !== (await count('answered'))) await delay(20);

for (const colorScheme of ['light', 'dark'] as const) {
  await page.emulateMedia({ colorScheme });
  await page.screenshot({ path: `docs/rollout-${colorScheme}.png`, fullPage: true });
}
await browser.close();
balancer.stop();
process.exit();
