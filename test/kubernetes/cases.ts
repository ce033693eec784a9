import { setTimeout as delay } from 'node:timers/promises';
import {
  type Pod,
  inNamespace,
  pods,
  ready,
  remove,
  restarts,
  scale,
  terminate,
  until,
  watchEndpoints,
} from './cluster.js';
import { LOCAL_SERVICE, SERVICE } from './manifests.js';
import { type Report, underLoad } from './under-load.js';

const DEPLOYMENT = `deployment/${SERVICE}`;
const STEADY = { script: 'kubernetes/load-pod.js', args: [SERVICE, '80'] } as const;

/** Clients that keep their connection and clients that do not: they could keep many processors busy. */
const CROWD = ['1800', '200'];

/** Longer than the kubelet waits for an instance that does not answer, before it restarts it. */
const SATURATION_MS = 75_000;

interface Outcome extends Report {
  /** What must not be; if undefined, that is any loss. */
  faults?: string[];
}

/** What may befall the service, each under a load of its own. Only saturation may cost requests. */
export const CASES: Record<string, () => Promise<Outcome>> = {
  'a rollout replaces all three': rollout,
  'scaled to five, then to two': scaling,
  'the only replica is deleted': () => deletion(1),
  'all three are deleted at once': () => deletion(3),
  'a SIGTERM that is not from the kubelet': straySignal,
  'all on one node are deleted, of which alone it is served': localDeletion,
  saturation,
};

async function rollout(): Promise<Report> {
  const first = await scale(3);
  return underLoad(STEADY, async () => {
    await inNamespace('rollout', 'restart', DEPLOYMENT);
    await inNamespace('rollout', 'status', DEPLOYMENT, '--timeout=3m');
    await ready(3, first);
  });
}

async function scaling(): Promise<Report> {
  await scale(3);
  return underLoad(STEADY, async () => {
    await scale(5);
    await scale(2);
  });
}

async function deletion(replicas: number): Promise<Report> {
  const all = await scale(replicas);
  return underLoad(STEADY, () => remove(all));
}

async function straySignal(): Promise<Report> {
  const [one] = (await scale(3)) as [Pod];
  const before = await restarts();
  return underLoad(STEADY, async () => {
    await terminate(one.metadata.name);
    await until('the container is started anew', 60, async () => (await restarts()) > before || undefined);
    await ready(3);
  });
}

/** A node's own Pods are all that serve there; those on other nodes, though ready, do not help. */
async function localDeletion(): Promise<Report> {
  await spreadStrictly();
  const [{ spec }] = (await pods()) as [Pod];
  return underLoad(
    { script: 'kubernetes/load-pod.js', args: [LOCAL_SERVICE, '80'], nodeName: spec.nodeName },
    async () => {
      await remove((await pods()).filter((pod) => pod.spec.nodeName === spec.nodeName));
    },
  );
}

/** A Pod that is deleted gets its successor on the same node, as the others have one. */
async function spreadStrictly(): Promise<void> {
  const nodes = new Set((await scale(3)).map(({ spec }) => spec.nodeName));
  const path = '/spec/template/spec';
  const terms = [...nodes].map((name) => ({ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }));
  const patch = [
    {
      op: 'add',
      path: `${path}/affinity`,
      value: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
    },
    { op: 'replace', path: `${path}/topologySpreadConstraints/1/whenUnsatisfiable`, value: 'DoNotSchedule' },
  ];
  const old = await pods();
  await inNamespace('patch', DEPLOYMENT, '--type=json', `--patch=${JSON.stringify(patch)}`);
  await ready(3, old);
}

/** It degrades and does not collapse: nobody is taken out or restarted for being busy, and what is lost came too late. */
async function saturation(): Promise<Outcome> {
  await scale(3);
  const before = await restarts();
  const fewestReady = watchEndpoints();
  // By address: each new connection would look up the name, and the cluster's name server would be what is saturated.
  const address = await inNamespace('get', 'service', SERVICE, '--output=jsonpath={.spec.clusterIP}');
  const load = { script: 'saturation/crowd.js', args: [address, '80', ...CROWD] } as const;
  const report = await underLoad(load, () => delay(SATURATION_MS));
  const [fewest, restarted] = [fewestReady(), (await restarts()) - before];
  const faults = [
    ...(fewest === 0 ? ['no endpoint was ready'] : []),
    ...(restarted > 0 ? [`containers were restarted: ${restarted}`] : []),
    ...Object.keys(report.losses).filter((reason) => reason !== 'ETIMEDOUT'),
  ];
  return { ...report, faults };
}
