/** A rolling deploy to watch: `npm run demo:rolling`. */
import { HAPROXY } from './balancer.js';
import { rollingDeploy } from './deploy.js';

if (!HAPROXY) {
  console.error('This demo rolls instances behind a real HAProxy, which is not installed: apt-get install haproxy');
  process.exit(1);
}

let last = { at: performance.now(), sent: 0 };

const { sent, lost, exits } = await rollingDeploy({
  check: 'inter 1s fall 2',
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

console.log(`${exits.length} instances replaced, ${sent} requests sent, ${lost} lost.`);
process.exit(lost === 0 ? 0 : 1);
