// https://github.com/sebhildebrandt/http-graceful-shutdown#options
import { setTimeout as delay } from 'node:timers/promises';
import gracefulShutdown from 'http-graceful-shutdown';
import { DELAY_MS, TIMEOUT_MS, expressApp, report } from '../app.js';

let ready = true;
const server = expressApp(() => ready).listen(process.env.PORT, () => report(server));
gracefulShutdown(server, {
  signals: 'SIGTERM',
  timeout: TIMEOUT_MS,
  async preShutdown() {
    ready = false;
    await delay(DELAY_MS);
  },
});
