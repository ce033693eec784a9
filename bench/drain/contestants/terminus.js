// https://github.com/godaddy/terminus#usage, and the delay from "How to set Terminus up with Kubernetes?"
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createTerminus } from '@godaddy/terminus';
import { DELAY_MS, TIMEOUT_MS, expressApp, report } from '../app.js';

const server = createServer(expressApp());
createTerminus(server, {
  healthChecks: { '/health/ready': async () => {} }, // 503 after the signal
  beforeShutdown: () => delay(DELAY_MS),
  timeout: TIMEOUT_MS,
  useExit0: true,
});
server.listen(process.env.PORT, () => report(server));
