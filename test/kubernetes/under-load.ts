import { type Pod, inNamespace, kubectl, namespace, pods, terminate, until } from './cluster.js';
import { type Loader, loader } from './manifests.js';

export interface Report {
  sent: number;
  /** How often requests were lost, by what came in place of the answer. */
  losses: Record<string, number>;
}

interface Line extends Partial<Report> {
  statuses?: Record<string, number>;
}

/** A line of the load, which counts what was lost, or of the crowd, which counts everything. */
function parse(line: string): Report {
  const { sent = 0, statuses: { 200: _, ...others } = {}, losses = others } = JSON.parse(line) as Line;
  return { sent, losses };
}

/** The load's latest account of itself, once it has sent enough requests to be one. */
async function account(pod: string): Promise<Report> {
  return until('500 requests sent', 60, async () => {
    const line = await inNamespace('logs', pod, '--tail=1').catch(String);
    const report = line.startsWith('{') ? parse(line) : undefined;
    return report && report.sent >= 500 ? report : undefined;
  });
}

/** Does something to the service while a Pod puts load on it: gives what became of all of that Pod's requests. */
export async function underLoad(load: Loader, action: () => Promise<unknown>): Promise<Report> {
  const [{ spec }] = (await pods()) as [Pod];
  const pod = loader(namespace, spec.containers[0].image, load);
  const { name } = pod.metadata;
  try {
    await kubectl(['apply', '--filename=-'], { input: JSON.stringify(pod) });
    await account(name);
    await action();
    // It finishes what it has begun, counts that, too, and ends.
    await terminate(name);
    await inNamespace('wait', `pod/${name}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s');
    return await account(name);
  } finally {
    await inNamespace('delete', 'pod', name, '--ignore-not-found', '--timeout=60s');
  }
}
