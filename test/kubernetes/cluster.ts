/** The cluster of kubectl's current context, and a namespace there that is made for the suite. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export const namespace = `port-binding-service-${randomBytes(4).toString('hex')}`;

const interruption = new AbortController();
export const interrupted = interruption.signal;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
}

interface Options {
  input?: string;
  abortable?: boolean;
}

/** What kubectl prints. A process group of its own keeps it from the terminal's Ctrl-C, or nobody would clean up. */
export function kubectl(args: string[], { input = '', abortable = true }: Options = {}): Promise<string> {
  return new Promise((done, fail) => {
    const timeout = 200_000; // longer than any of the waits that kubectl itself is told to end
    const child = spawn('kubectl', args, { detached: true, timeout, ...(abortable && { signal: interrupted }) });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined).end(input);
    child.on('error', (error) => fail(abortable && interrupted.aborted ? interrupted.reason : error));
    child.on('close', (code) =>
      code === 0 ? done(stdout) : fail(new Error(stderr.trim() || stdout.trim() || `status ${code}`)),
    );
  });
}

export const inNamespace = (...args: string[]) => kubectl(['--namespace', namespace, ...args]);

/** Asks again and again, until there is an answer. */
export async function until<T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await delay(500)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

export interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  spec: { nodeName: string; containers: [{ image: string }] };
  status: {
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number; state?: { waiting?: { reason?: string; message?: string } } }[];
  };
}

/** The service's own, as the load's have no labels. */
export async function pods(): Promise<Pod[]> {
  const list = await inNamespace('get', 'pods', '--selector=app.kubernetes.io/name', '--output=json');
  return (JSON.parse(list) as { items: Pod[] }).items;
}

/** Where an image cannot be had, nobody should wait for it to be tried again and again. */
const NO_IMAGE = new Set(['ErrImageNeverPull', 'ErrImagePull', 'ImagePullBackOff', 'InvalidImageName']);

/**
 * Waits until there are so many Pods, all of them ready, none of `except` and none on its way out.
 *
 * @throws at once when the image of one cannot be had
 */
export async function ready(count: number, except: Pod[] = []): Promise<Pod[]> {
  const old = new Set(except.map(({ metadata }) => metadata.name));
  return until(`${count} ready Pods, and no others`, 180, async () => {
    const all = await pods();
    const waiting = all.flatMap(({ metadata, status }) =>
      metadata.deletionTimestamp ? [] : (status.containerStatuses ?? []).flatMap(({ state }) => state?.waiting ?? []),
    );
    const hopeless = waiting.find(({ reason = '' }) => NO_IMAGE.has(reason));
    if (hopeless) throw new Error(`${hopeless.reason}: ${hopeless.message}`);
    const serving = all.filter(
      ({ metadata, status }) =>
        !metadata.deletionTimestamp &&
        !old.has(metadata.name) &&
        status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
    return all.length === count && serving.length === count ? all : undefined;
  });
}

export async function scale(count: number): Promise<Pod[]> {
  await inNamespace('scale', 'deployment/port-binding-service', `--replicas=${count}`);
  return ready(count);
}

/** Has the Pods deleted in one go, and waits until each has a successor and is gone. */
export async function remove(going: Pod[]): Promise<void> {
  const { length } = await pods();
  await inNamespace('delete', '--wait=false', ...going.map(({ metadata }) => `pod/${metadata.name}`));
  await ready(length, going);
}

/** Empties a node of the service's Pods, and of nothing else, as far and as fast as the PodDisruptionBudget lets it. */
export async function drain(node: string): Promise<void> {
  try {
    await kubectl(['drain', node, `--pod-selector=suite=${namespace}`, '--timeout=3m']);
  } finally {
    await kubectl(['uncordon', node], { abortable: false });
  }
}

/** How often containers of the service's Pods were started anew. */
export async function restarts(): Promise<number> {
  const statuses = (await pods()).flatMap(({ status }) => status.containerStatuses ?? []);
  return statuses.reduce((sum, { restartCount }) => sum + restartCount, 0);
}

/** To a container's PID 1, past the kubelet. */
export async function terminate(pod: string): Promise<void> {
  await inNamespace('exec', pod, '--', '/nodejs/bin/node', '--eval', "process.kill(1, 'SIGTERM')");
}

/** Watches the Service's endpoints until told to end: the fewest that were ready at a time. */
export function watchEndpoints(): () => number {
  const jsonpath = String.raw`--output=jsonpath={.endpoints[*].conditions.ready}{"\n"}`;
  const selector = '--selector=kubernetes.io/service-name=port-binding-service';
  const args = ['--namespace', namespace, 'get', 'endpointslices', selector, '--watch', jsonpath];
  const child = spawn('kubectl', args, { detached: true, signal: interrupted }).on('error', () => undefined);
  let lines = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (lines += text));
  return () => {
    child.kill();
    const counts = lines.split('\n').slice(0, -1);
    if (counts.length === 0) throw new Error('the endpoints could not be watched');
    return Math.min(...counts.map((line) => line.match(/true/g)?.length ?? 0));
  };
}
