import { expect, it } from '@jest/globals';
import { freePort } from '../support/free-port.js';
import type { Instance, Target } from './target.js';

const ENDED_WELL = { code: 0, signal: null };

/** What a balancer asks while it rolls: long enough to be seen, and shorter than any test waits. */
const DRAINING = { DRAIN_DELAY_MS: '60000', SHUTDOWN_TIMEOUT_MS: '70000' };

/**
 * Declares what any platform may ask of a service that binds `PORT`, whatever a fork adds to it: a logger of its own,
 * guards, a prefix, more routes or fewer. Every clause names the platform and where it says so.
 */
export function declareContract(target: Target): void {
  target.describe('every platform', () => {
    // https://12factor.net/port-binding
    it('the twelve-factor app: exports HTTP by binding the port in PORT', async () => {
      expect((await (await started(target)).get('/health/live')).status).toBe(200);
    });

    // https://12factor.net/logs
    it('the twelve-factor app: logs to standard output, and the bound port as well', async () => {
      const PORT = String(await freePort());
      const { program } = target.start({ PORT });
      await program.printed(new RegExp(`\\b${PORT}\\b`));
      expect(program.stdout).toContain(PORT);
    });

    // https://docs.docker.com/reference/dockerfile/#expose
    it('Docker: has a default port without PORT, and with an empty one as Compose passes it on', async () => {
      const { program } = target.start({ PORT: '', HOST: '127.0.0.3' });
      // Unless another program has it, which a line says as well.
      expect(await program.printed(/\b3000\b/)).toMatch(/port/i);
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
      expect(service.program.stderr).toMatch(/^PORT is ".*", which is a named pipe, .* \(run on Linux, or .*\): .*$/m);
    });

    // https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
    it('Kubernetes: is not confused by the links to the Services around it', async () => {
      const service = await started(target, {
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
      const service = await started(target, DRAINING);
      await service.signal('SIGTERM');
      await draining(service);
      expect((await service.get('/health/live')).status).toBe(200);
    });

    // https://github.com/kubernetes/kubernetes/issues/43576: old connections outlive the endpoint
    it('Kubernetes: closes kept-alive connections by saying so', async () => {
      const service = await started(target, DRAINING);
      expect((await service.get('/health/live')).headers.connection).toBe('keep-alive');
      await service.signal('SIGTERM');
      await draining(service);
      expect((await service.get('/health/live')).headers.connection).toBe('close');
    });

    // https://docs.docker.com/reference/cli/docker/container/stop/ and the contract of Cloud Run: ten seconds
    it('Docker, Cloud Run: ends with status 0 on SIGTERM, by default within ten seconds', async () => {
      const service = await started(target);
      await service.signal('SIGTERM');
      expect(await service.program.exit).toEqual(ENDED_WELL); // after nine, the shutdown timeout, it would be 1
    });

    // https://fly.io/docs/reference/configuration/#runtime-options: kill_signal is SIGINT, kill_timeout 5 s
    it('Fly.io: ends with status 0 on SIGINT, without a delay', async () => {
      // With the delay, it would take longer than this test may.
      const service = await started(target, { DRAIN_DELAY_MS: '3600000', SHUTDOWN_TIMEOUT_MS: '3700000' });
      await service.signal('SIGINT');
      expect(await service.program.exit).toEqual(ENDED_WELL);
    });

    // https://devcenter.heroku.com/articles/dyno-shutdown-behavior: processes may get SIGTERM more than once
    it('Heroku: takes a SIGTERM that is sent twice for one', async () => {
      const service = await started(target, { DRAIN_DELAY_MS: '1000' });
      await service.signal('SIGTERM', 2);
      expect(await service.program.exit).toEqual(ENDED_WELL);
    });

    // https://devcenter.heroku.com/articles/http-routing#keepalives: 90 s; AWS 60 s; Google Cloud 600 s
    it('AWS, Google Cloud, Heroku: keeps connections open for longer than their balancers do', async () => {
      const service = await started(target);
      const [, seconds] = /timeout=(\d+)/.exec(String((await service.get('/health/live')).headers['keep-alive']))!;
      expect(Number(seconds)).toBeGreaterThan(600);
    });
  });
}

/** A service that listens. */
async function started(target: Target, env: Record<string, string> = {}): Promise<Instance> {
  const service = target.start({ PORT: String(await freePort()), ...env });
  await service.listening();
  return service;
}

/** Waits until balancers see that the service is not ready. */
async function draining(service: Instance): Promise<void> {
  for (;;) {
    const { status } = await service.get('/health/ready');
    if (status === 503) return;
    expect(status).toBe(200);
  }
}
