import { afterEach, beforeAll, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import type { Result } from 'port-binding/check/clause';
import { binding } from 'port-binding/check/clauses/binding';
import { ending, endingAtStart } from 'port-binding/check/clauses/ending';
import { refusals } from 'port-binding/check/clauses/refusals';
import { Command } from 'port-binding/check/command';
import { DEFAULTS, Subject } from 'port-binding/check/subject';
import type { Instance, Target } from './target.js';

/** The clauses of `port-binding check` for one instance, in groups. Its crowds and its rollout have tests of their own. */
export const GROUPS = { binding, refusals, ending, endingAtStart };

const ENDED_WELL = { code: 0, signal: null };

/** Long enough to be seen, and shorter than any test waits. */
const DRAINING = { DRAIN_DELAY_MS: '60000', SHUTDOWN_TIMEOUT_MS: '70000' };

/**
 * Declares what any platform may ask of a service that binds `PORT`, whatever a fork adds to it: a logger of its own,
 * guards, a prefix, more routes or fewer. First the clauses of `port-binding check`, then what single platforms add. Each of
 * those names the platform and where it says so.
 */
export function declareContract(target: Target, groups: Partial<typeof GROUPS> = GROUPS): void {
  target.describe('port-binding check', () => {
    // One for all, because the first group measures how long a start takes.
    let subject: Subject;

    beforeAll(() => {
      subject = new Subject(new Command(target.command()), { ...DEFAULTS, ready: '/health/ready' });
    });

    afterEach(() => subject.killAll());

    it.each(Object.entries(groups))('%s', async (_, check) => {
      const results: Result[] = [];
      for await (const result of check(subject)) results.push(result);
      expect(results.filter(({ outcome }) => outcome === 'fails' || outcome === 'not promised')).toEqual([]);
      const unchecked = results.filter(({ outcome }) => outcome === 'not checked').map(({ clause }) => clause.id);
      expect(target.unchecked).toEqual(expect.arrayContaining(unchecked));
    });
  });

  target.describe('the platforms that run instances', () => {
    let service: Instance;

    beforeAll(async () => {
      // https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
      service = await started(target, {
        HOST_PORT: 'tcp://10.0.0.1:80',
        PORT_BINDING_SERVICE_PORT: 'tcp://10.0.0.2:80',
        PORT_SERVICE_HOST: '10.0.0.3',
      });
    });

    it('Kubernetes: is not confused by the links to the Services around it', async () => {
      expect((await service.get('/health/ready')).status).toBe(200);
    });

    // https://docs.railway.com/deployments/healthchecks: from the host name healthcheck.railway.app, and exactly 200
    it('Railway: answers the health check for its host name with exactly 200', async () => {
      expect((await service.get('/health/ready', { Host: 'healthcheck.railway.app' })).status).toBe(200);
    });

    // https://devcenter.heroku.com/articles/http-routing#keepalives: 90 s; AWS 60 s; Google Cloud 600 s
    it('AWS, Google Cloud, Heroku: keeps connections open for longer than their balancers do', async () => {
      const [, seconds] = /timeout=(\d+)/.exec(String((await service.get('/health/live')).headers['keep-alive']))!;
      expect(Number(seconds)).toBeGreaterThan(600);
    });

    // https://12factor.net/logs
    it('the twelve-factor app: logs to standard output', () => {
      expect(service.program.stdout).toContain(String(service.port));
    });
  });

  target.describe('the platforms that end instances', () => {
    // https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
    it('Kubernetes: after SIGTERM fails readiness, not liveness', async () => {
      const service = await started(target, DRAINING);
      await service.signal('SIGTERM');
      while ((await service.get('/health/ready')).status === 200);
      expect((await service.get('/health/ready')).status).toBe(503);
      expect((await service.get('/health/live')).status).toBe(200);
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
  });
}

/** A service that listens. */
async function started(target: Target, env: Record<string, string> = {}): Promise<Instance> {
  const service = target.start({ PORT: String(await freePort()), ...env });
  await service.listening();
  return service;
}
