// https://github.com/gajus/lightship#using-with-expressjs
import { createLightship } from 'lightship';
import { DELAY_MS, TIMEOUT_MS, expressApp, report } from '../app.js';

// Outside of Kubernetes it takes any free port for its own readiness route, but has no delay: this turns that off.
const lightship = await createLightship({
  detectKubernetes: false,
  port: 0,
  shutdownDelay: DELAY_MS,
  gracefulShutdownTimeout: DELAY_MS + TIMEOUT_MS,
  shutdownHandlerTimeout: TIMEOUT_MS,
});
// The same readiness as on its own port.
const server = expressApp(() => lightship.isServerReady()).listen(process.env.PORT, () => {
  report(server);
  lightship.signalReady();
});
lightship.registerShutdownHandler(() => new Promise((closed) => server.close(closed)));
