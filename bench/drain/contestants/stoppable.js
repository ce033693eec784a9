// https://github.com/hunterloftis/stoppable#usage
import { setTimeout as delay } from 'node:timers/promises';
import stoppable from 'stoppable';
import { DELAY_MS, TIMEOUT_MS, expressApp, report } from '../app.js';

let ready = true;
const server = stoppable(
  expressApp(() => ready).listen(process.env.PORT, () => report(server)),
  TIMEOUT_MS,
);

process.once('SIGTERM', async () => {
  ready = false;
  await delay(DELAY_MS);
  server.stop(() => process.exit(0));
});
