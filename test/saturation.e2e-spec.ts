import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { HAPROXY, HAProxy } from './balancers/haproxy.js';
import { Kubelet } from './saturation/kubelet.js';
import { describeWith } from './support/requirement.js';
import { Program, start } from './support/service.js';

/** Clients that keep their connection and clients that do not: they could keep many processors busy. */
const [KEPT, FRESH] = [1_200, 300];

describeWith(
  HAPROXY !== undefined,
  'HAProxy',
  'Install it: apt-get install haproxy',
)('three saturated instances', () => {
  it('stay alive and ready to a kubelet, and answer every request that they take', async () => {
    const balancer = await HAProxy.start('inter 2s fall 3', 'tcp'); // each connection to another, as kube-proxy does it
    const instances = await Promise.all([start(), start(), start()]);
    await Promise.all(instances.map(async (instance) => balancer.join(instance)));
    const kubelets = instances.map(({ port }) => new Kubelet(port));

    const crowd = new Program(
      process.execPath,
      ['--import', 'tsx', 'test/saturation/crowd.ts', '127.0.0.1', String(balancer.port), String(KEPT), String(FRESH)],
      {},
    );
    let fewestReady = 3;
    while (kubelets.some(({ probes }) => probes < 10) || Number(crowd.log.at(-1)?.['sent'] ?? 0) < 20_000) {
      fewestReady = Math.min(fewestReady, kubelets.filter(({ ready }) => ready).length);
      await delay(50);
    }
    crowd.kill('SIGTERM');
    await crowd.exit;
    await Promise.all(kubelets.map((kubelet) => kubelet.stop()));

    expect(kubelets.map(({ alive }) => alive)).toEqual([true, true, true]);
    expect(fewestReady).toBeGreaterThan(0);
    const { message, sent, statuses } = crowd.log.at(-1)!;
    expect({ message, statuses }).toEqual({ message: 'done', statuses: { '200': sent } });
    for (const { service } of instances) expect(service.process.exitCode).toBeNull();
    balancer.stop();
  });
});
