import { createServer } from 'node:http';
import { serve } from 'port-binding';
import { DELAY_MS, TIMEOUT_MS, expressApp, report } from '../app.js';

const server = createServer(expressApp(() => service.phase === 'serving'));
const service = await serve(server, {
  port: Number(process.env.PORT),
  drainDelayMs: DELAY_MS,
  shutdownTimeoutMs: DELAY_MS + TIMEOUT_MS,
});
report(server);
