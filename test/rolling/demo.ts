/**
 * A rolling deploy to watch in the terminal: `npm run demo:rolling`. With `-- --page`, it prints the address of the page
 * that shows it in a browser.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { HAPROXY, HAProxy } from '../balancers/haproxy.js';
import { rollingDeploy } from './deploy.js';
import { draw, print } from './picture.js';

const PICTURE = 'rolling-deploy.svg';

const { values: options } = parseArgs({ options: { page: { type: 'boolean', default: false } } });

if (!HAPROXY) {
  console.error(
    'The demo replaces instances behind HAProxy, which is not installed. Install it: apt-get install haproxy',
  );
  process.exit(1);
}

let last = { at: performance.now(), sent: 0 };

const balancer = await HAProxy.start('inter 1s fall 2');
if (options.page) console.log(`Watch it at http://127.0.0.1:${balancer.port}`);

const { sent, lost, exits, history } = await rollingDeploy({
  balancer,
  times: 2,
  requests: 10_000,
  onProgress(event, load) {
    const now = { at: performance.now(), sent: load.sent };
    const rate = Math.round(((now.sent - last.sent) * 1000) / (now.at - last.at));
    last = now;
    console.log(
      `${event.padEnd(50)} ${String(rate).padStart(6)} requests/s ${String(load.lost).padStart(6)} lost so far`,
    );
  },
});

writeFileSync(PICTURE, draw(history));
console.log(`\n${print(history)}\n\nThe demo has drawn the same as a picture: ${PICTURE}`);
console.log(`${exits.length} instances replaced, ${sent} requests sent, ${lost} lost.`);
process.exit(lost === 0 ? 0 : 1);
