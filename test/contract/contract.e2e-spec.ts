import { describe, expect, it } from '@jest/globals';
import { freePort } from '../support/free-port.js';
import { type Target, targets } from './target.js';

/** What any platform may ask of a service that binds `PORT`. Every clause names the platform and where it says so. */
describe.each(targets)('$name keeps the contract of', (target) => {
  target.describe('every platform', () => {
    // https://12factor.net/port-binding
    it('the twelve-factor app: exports HTTP by binding the port in PORT', async () => {
      const PORT = String(await freePort());
      const service = target.start({ PORT });
      expect((await service.get('/')).body).toMatchObject({ port: Number(PORT) });
      expect((await service.get('/health')).body).toMatchObject({ port: Number(PORT) });
    });

    // https://12factor.net/logs, https://docs.cloud.google.com/run/docs/logging
    it('the twelve-factor app, Cloud Run: logs to standard output, a JSON object a line', async () => {
      const service = await started(target);
      expect(
        service.program.stdout
          .trim()
          .split('\n')
          .map((line) => typeof JSON.parse(line)),
      ).toEqual(['object']);
      expect(service.program.stderr).toBe('');
    });

    // https://docs.docker.com/reference/dockerfile/#expose
    it('Docker: has a default port without PORT, and with an empty one as Compose passes it on', async () => {
      const service = target.start({ PORT: '', HOST: '127.0.0.3' });
      const said = await Promise.race([
        service.program.listening(),
        service.program.exit.then(() => service.program.stderr),
      ]);
      expect(String(said)).toMatch(/^3000$|^Port 3000 is taken/);
    });
  });

  target.describe('the platforms that choose the port', () => {
    // https://docs.cloud.google.com/run/docs/container-contract: listen on 0.0.0.0, on the port in PORT, without TLS
    it('Cloud Run, Railway, Render: listens on every IPv4 interface, in plain HTTP/1.1', async () => {
      expect((await (await started(target)).get('/health/ready')).status).toBe(200);
    });

    // https://devcenter.heroku.com/articles/http-routing: the Fir generation routes to [::]:$PORT;
    // https://fly.io/docs/networking/private-networking/: the private network is IPv6
    it('Heroku Fir, Fly.io: listens on IPv6 as well', async () => {
      expect(await (await started(target)).statusOverIPv6('/health/ready')).toBe(200);
    });

    // https://docs.railway.com/deployments/healthchecks: from the host name healthcheck.railway.app, and exactly 200
    it('Railway: answers the health check for its host name with exactly 200', async () => {
      const service = await started(target);
      expect((await service.get('/health/ready', { Host: 'healthcheck.railway.app' })).status).toBe(200);
    });

    // https://learn.microsoft.com/azure/app-service/configure-language-nodejs: on Windows, PORT is a named pipe
    it('Azure App Service on Windows: refuses a named pipe with a line that says so, and what to do', async () => {
      const service = target.start({ PORT: '\\\\.\\pipe\\4f1c' });
      expect(await service.program.exit).toEqual({ code: 1, signal: null });
      expect(service.program.stderr).toMatch(
        /^PORT is ".*", which is a named pipe, .* \(run on Linux, or .*\): it must be .*\n$/,
      );
    });

    // https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
    it('Kubernetes: is not confused by the links to the Services around it', async () => {
      const service = target.start({
        PORT: String(await freePort()),
        HOST_PORT: 'tcp://10.0.0.1:80',
        PORT_BINDING_SERVICE_PORT: 'tcp://10.0.0.2:80',
        PORT_SERVICE_HOST: '10.0.0.3',
      });
      expect((await service.get('/health/ready')).status).toBe(200);
    });
  });

  target.describe('the platforms that end instances', () => {
    // https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
    it('Kubernetes: after SIGTERM fails readiness, not liveness, and goes on serving', async () => {
      const service = await started(target);
      await service.signal('SIGTERM');
      await service.program.logged(/^SIGTERM: draining$/);
      const statuses = ['/health/ready', '/health/live', '/'].map(async (path) => (await service.get(path)).status);
      expect(await Promise.all(statuses)).toEqual([503, 200, 200]);
    });

    // https://github.com/kubernetes/kubernetes/issues/43576: old connections outlive the endpoint
    it('Kubernetes: closes kept-alive connections by saying so', async () => {
      const service = await started(target);
      await service.signal('SIGTERM');
      await service.program.logged(/^SIGTERM: draining$/);
      expect((await service.get('/')).headers.connection).toBe('close');
    });

    // https://docs.docker.com/reference/cli/docker/container/stop/ and the contract of Cloud Run: ten seconds
    it('Docker, Cloud Run: ends with status 0 on SIGTERM, by default within ten seconds', async () => {
      const service = await started(target, {});
      await service.signal('SIGTERM');
      expect(await service.program.exit).toEqual({ code: 0, signal: null }); // after nine, the shutdown timeout, it would be 1
    });

    // https://fly.io/docs/reference/configuration/#runtime-options: kill_signal is SIGINT, kill_timeout 5 s
    it('Fly.io: ends with status 0 on SIGINT, without a delay', async () => {
      const service = await started(target, {});
      await service.signal('SIGINT');
      expect(await service.program.exit).toEqual({ code: 0, signal: null });
      expect(await service.program.logged(/^SIGINT: draining$/)).toMatchObject({ drainDelayMs: 0 });
    });

    // https://devcenter.heroku.com/articles/dyno-shutdown-behavior: processes may get SIGTERM more than once
    it('Heroku: takes a SIGTERM that is sent twice for one', async () => {
      const service = await started(target);
      await service.signal('SIGTERM', 2);
      expect(await service.program.exit).toEqual({ code: 0, signal: null });
    });

    // https://devcenter.heroku.com/articles/http-routing#keepalives: 90 s; AWS 60 s; Google Cloud 600 s
    it('AWS, Google Cloud, Heroku: keeps connections open for longer than their balancers do', async () => {
      const service = await started(target, {});
      const [, seconds] = /timeout=(\d+)/.exec(String((await service.get('/')).headers['keep-alive']))!;
      expect(Number(seconds)).toBeGreaterThan(600);
    });
  });
});

/** A service that listens, with a short drain where the defaults are not the point. */
async function started(target: Target, env: Record<string, string> = { DRAIN_DELAY_MS: '4000' }) {
  const service = target.start({ PORT: String(await freePort()), ...env });
  await service.program.listening();
  return service;
}
