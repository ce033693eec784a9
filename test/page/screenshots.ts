/** The pictures of the page in the README, light and dark: `npm run screenshots`. */
import { chromium } from 'playwright-core';
import { HAProxy } from '../balancers/haproxy.js';
import { start } from '../support/service.js';
import { CHROMIUM } from './chromium.js';

const balancer = await HAProxy.start('inter 1s fall 2');
const join = async () => {
  const instance = await start({ REVISION: '5c1e7aa' });
  await balancer.join(instance);
  return instance;
};
const [first, second] = await Promise.all([join(), join(), join()]);

const browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 900, height: 560 }, deviceScaleFactor: 1.5 });
await page.goto(`http://127.0.0.1:${balancer.port}/`);
await page.locator('li.serving').nth(2).waitFor();

// In the middle of a roll: one has gone, the next one drains.
await join();
first.service.kill('SIGTERM');
await first.service.exit;
await page.locator('li.gone').waitFor();
await join();
second.service.kill('SIGTERM');
await page.locator('li.draining').waitFor();

for (const colorScheme of ['light', 'dark'] as const) {
  await page.emulateMedia({ colorScheme });
  await page.screenshot({ path: `test/page/${colorScheme}.png`, fullPage: true });
}
await browser.close();
balancer.stop();
process.exit();
