import { type Pod, inNamespace, kubectl, namespace, pods, terminate, until } from './cluster.js';
import { type Loader, loader } from './manifests.js';

export interface Report {
  sent: number;
  /** How often requests were lost, by what came in place of the answer. */
  losses: Record<string, number>;
}

/** A line of the load, which counts what was lost, or of the crowd, which counts everything. */
function parse(line: string): Report | undefined {
  if (!line.startsWith('{')) return undefined;
  const {
    sent,
    statuses: { 200: _, ...others } = {},
    losses = others,
  } = JSON.parse(line) as Partial<Report> & {
    statuses?: Record<string, number>;
  };
  return { sent: sent!, losses };
}

/** The load's latest account of itself, once it has sent so many requests. */
async function account(pod: string, atLeast: number): Promise<Report> {
  return until(`${atLeast} requests sent`, 60, async () => {
    const report = parse(await inNamespace('logs', pod, '--tail=1').catch(String));
    return report && report.sent >= atLeast ? report : undefined;
  });
}

/** Does something to the service while a Pod puts load on it: gives what became of all of that Pod's requests. */
export async function underLoad(load: Loader, action: () => Promise<unknown>): Promise<Report> {
  const [{ spec }] = (await pods()) as [Pod];
  const pod = loader(namespace, spec.containers[0].image, load);
  const { name } = pod.metadata;
  await kubectl(['apply', '--filename=-'], { input: JSON.stringify(pod) });
  await account(name, 500);
  await action();
  // It finishes what it has begun, counts that, too, and ends.
  await terminate(name);
  await inNamespace('wait', `pod/${name}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s');
  const report = await account(name, 1000);
  await inNamespace('delete', 'pod', name, '--timeout=60s');
  return report;
}
