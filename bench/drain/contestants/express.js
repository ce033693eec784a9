// https://expressjs.com/en/advanced/healthcheck-graceful-shutdown.html
import { setTimeout as delay } from 'node:timers/promises';
import { DELAY_MS, TIMEOUT_MS, expressApp, report } from '../app.js';

let ready = true;
const server = expressApp(() => ready).listen(process.env.PORT, () => report(server));

process.once('SIGTERM', async () => {
  ready = false;
  await delay(DELAY_MS);
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(1), TIMEOUT_MS);
});
