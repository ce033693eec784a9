// https://github.com/gajus/http-terminator#usage
import { setTimeout as delay } from 'node:timers/promises';
import { createHttpTerminator } from 'http-terminator';
import { DELAY_MS, TIMEOUT_MS, expressApp, report } from '../app.js';

let ready = true;
const server = expressApp(() => ready).listen(process.env.PORT, () => report(server));
const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: TIMEOUT_MS });

process.once('SIGTERM', async () => {
  ready = false;
  await delay(DELAY_MS);
  await terminator.terminate();
  process.exit(0);
});
