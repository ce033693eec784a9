import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';

interface Probe {
  httpGet: { path: string };
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
}

const { readinessProbe, livenessProbe } = (
  parse(readFileSync('deploy/kubernetes/base/deployment.yaml', 'utf8')) as {
    spec: { template: { spec: { containers: [{ readinessProbe: Probe; livenessProbe: Probe }] } } };
  }
).spec.template.spec.containers[0];

/** Asks an instance as the Deployment has a kubelet ask: over a new connection each time, one probe after another. */
export class Kubelet {
  ready = true;
  alive = true;
  /** Probes that have passed or failed. */
  probes = 0;

  private stopped = false;
  private readonly probing: Promise<unknown>;

  constructor(private readonly port: number) {
    this.probing = Promise.all([
      this.run(readinessProbe, (passes) => (this.ready = passes)),
      this.run(livenessProbe, (passes) => (this.alive &&= passes)),
    ]);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.probing;
  }

  private async run(probe: Probe, tell: (passes: boolean) => void): Promise<void> {
    for (let failures = 0; !this.stopped;) {
      const began = performance.now();
      const passed = await this.ask(probe);
      const took = performance.now() - began;
      this.probes++;
      failures = passed ? 0 : failures + 1;
      if (failures === 0 || failures >= probe.failureThreshold) tell(failures === 0);
      if (!this.stopped) await delay(probe.periodSeconds * 1000 - took);
    }
  }

  private async ask({ httpGet, timeoutSeconds }: Probe): Promise<boolean> {
    return new Promise((done) => {
      const signal = AbortSignal.timeout(timeoutSeconds * 1000);
      get({ port: this.port, path: httpGet.path, agent: false, signal }, (response) => {
        response.resume().on('end', () => done(response.statusCode === 200));
      }).on('error', () => done(false));
    });
  }
}
