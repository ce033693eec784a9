import { setTimeout as delay } from 'node:timers/promises';
import {
  type Pod,
  drain,
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
  'three rollouts in a row replace all three': rollouts,
  'scaled to six, then to two': scaling,
  'one of three is deleted': oneDeleted,
  'the only replica is deleted': () => deletion(1),
  'all three are deleted at once': () => deletion(3),
  'a node is drained, within the PodDisruptionBudget': nodeDrained,
  'a SIGTERM that is not from the kubelet': straySignal,
  'all on one node are deleted, of which alone it is served': localDeletion,
  'a rollout to an image that does not exist stalls, and is undone': async () =>
    stalledRollout(['set', 'image', DEPLOYMENT, `${SERVICE}=${SERVICE}:no-such-tag`], async (pod) => {
      const described = await inNamespace('describe', 'pod', pod);
      return /Failed to pull image ".*:no-such-tag"/.test(described) ? [] : [`describe says: ${described}`];
    }),
  'a rollout to a PORT that is none stalls, and is undone': async () =>
    stalledRollout(['set', 'env', DEPLOYMENT, 'PORT=http'], async (pod) => {
      const said = await inNamespace('logs', pod).catch(String);
      return /^PORT is "http": it must be /m.test(said) ? [] : [`logs say: ${said}`];
    }),
  saturation,
};

async function rollouts(): Promise<Report> {
  let old = await scale(3);
  return underLoad(STEADY, async () => {
    for (let time = 0; time < 3; time++) {
      await inNamespace('rollout', 'restart', DEPLOYMENT);
      await inNamespace('rollout', 'status', DEPLOYMENT, '--timeout=3m');
      old = await ready(3, old);
    }
  });
}

async function scaling(): Promise<Report> {
  await scale(3);
  return underLoad(STEADY, async () => {
    await scale(6);
    await scale(2);
  });
}

async function oneDeleted(): Promise<Report> {
  const [one] = (await scale(3)) as [Pod];
  return underLoad(STEADY, () => remove([one]));
}

async function deletion(replicas: number): Promise<Report> {
  const all = await scale(replicas);
  return underLoad(STEADY, () => remove(all));
}

/** Of its Pods, two of three go where the others are, one at a time. The load is on the other node. */
async function nodeDrained(): Promise<Report> {
  const all = await scale(3);
  const names = [...new Set(all.map(({ spec }) => spec.nodeName))];
  const [other, fuller] = names.toSorted((a, b) => count(all, a) - count(all, b));
  if (other === undefined || fuller === undefined) throw new Error('the replicas are all on one node: it takes two');
  const going = all.filter(({ spec }) => spec.nodeName === fuller);
  return underLoad({ ...STEADY, nodeName: other }, async () => {
    await drain(fuller);
    await ready(3, going);
  });
}

const count = (all: Pod[], node: string) => all.filter(({ spec }) => spec.nodeName === node).length;

/** A change that cannot work: the rollout is told as failed within the time of the manifest, and those before serve on. */
async function stalledRollout(change: string[], reason: (pod: string) => Promise<string[]>): Promise<Outcome> {
  const old = await scale(3);
  const names = new Set(old.map(({ metadata }) => metadata.name));
  const faults: string[] = [];
  const report = await underLoad(STEADY, async () => {
    await inNamespace(...change);
    const status = await inNamespace('rollout', 'status', DEPLOYMENT, '--timeout=2m').catch(String);
    if (!status.includes('exceeded its progress deadline')) faults.push(`the rollout's status: ${status}`);
    const now = await pods();
    const young = now.filter(({ metadata }) => !names.has(metadata.name));
    if (now.length - young.length !== 3 || young.length !== 1) faults.push(`there are ${now.length} Pods`);
    for (const { metadata } of young) faults.push(...(await reason(metadata.name)));
    await inNamespace('rollout', 'undo', DEPLOYMENT);
    await ready(3);
  });
  return { ...report, faults: [...faults, ...Object.keys(report.losses)] };
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
