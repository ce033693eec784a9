/**
 * The manifests on a live cluster, that of kubectl's current context: IMAGE=<image> npm run test:kubernetes
 *
 * It happens in a namespace that is made for it, and that is removed again whatever happens: Ctrl-C, too.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { manifests } from './manifests.js';

const image = process.env['IMAGE'];
const namespace = `port-binding-service-${randomBytes(4).toString('hex')}`;
const interruption = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
}

/** What kubectl prints. A process group of its own keeps it from the terminal's Ctrl-C, or nobody would clean up. */
function kubectl(args: string[], { input = '', abortable = true } = {}): Promise<string> {
  const { signal } = interruption;
  return new Promise((done, fail) => {
    const child = spawn('kubectl', args, { detached: true, ...(abortable && { signal }) });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined).end(input);
    child.on('error', (error) => fail(abortable && signal.aborted ? signal.reason : error));
    child.on('close', (code) => (code === 0 ? done(stdout) : fail(new Error(stderr.trim() || `status ${code}`))));
  });
}

const inNamespace = (...args: string[]) => kubectl(['--namespace', namespace, ...args]);

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  status: { conditions?: { type: string; status: string }[] };
}

/** Waits until there are so many Pods, all of them ready, none of `except` and none on its way out; gives their names. */
async function ready(count: number, except: string[] = []): Promise<string[]> {
  for (const deadline = Date.now() + 180_000; Date.now() < deadline; await delay(500)) {
    const list = await inNamespace('get', 'pods', '--selector=app.kubernetes.io/name', '--output=json');
    const { items } = JSON.parse(list) as { items: Pod[] };
    const serving = items.filter(
      ({ metadata, status }) =>
        !metadata.deletionTimestamp &&
        !except.includes(metadata.name) &&
        status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
    if (items.length === count && serving.length === count) return items.map(({ metadata }) => metadata.name);
  }
  throw new Error(`there were not ${count} ready Pods within three minutes`);
}

interface Report {
  sent: number;
  losses: Record<string, number>;
}

/** The load's latest account of itself, once it has sent so many requests. */
async function load(atLeast: number): Promise<Report> {
  let line = '';
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(500)) {
    line = await inNamespace('logs', 'load', '--tail=1').catch(String);
    if (line.startsWith('{')) {
      const report = JSON.parse(line) as Report;
      if (report.sent >= atLeast) return report;
    }
  }
  throw new Error(`the load did not come to ${atLeast} requests within a minute, but to: ${line}`);
}

async function tell(event: string): Promise<void> {
  const { sent, losses } = await load(0);
  console.log(`${event.padEnd(40)} ${String(sent).padStart(7)} sent, lost: ${JSON.stringify(losses)}`);
}

async function run(): Promise<Report> {
  const items = manifests(namespace, image);
  await kubectl(['apply', '--filename=-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  const first = await ready(3);
  await load(500);
  await tell('three replicas are ready');

  // It has made three of the Deployment's one. From here on it would only scale at times of its own.
  await inNamespace('delete', 'horizontalpodautoscaler', 'port-binding-service');

  await inNamespace('rollout', 'restart', 'deployment/port-binding-service');
  await inNamespace('rollout', 'status', 'deployment/port-binding-service', '--timeout=3m');
  await ready(3, first);
  await tell('all three are replaced');

  for (const count of [5, 2]) {
    await inNamespace('scale', 'deployment/port-binding-service', `--replicas=${count}`);
    await ready(count);
    await tell(`scaled to ${count}`);
  }

  // To the load's PID 1: it finishes what it has begun, counts that, too, and ends.
  await inNamespace('exec', 'load', '--', '/nodejs/bin/node', '--eval', "process.kill(1, 'SIGTERM')");
  await inNamespace('wait', 'pod/load', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s');
  return load(1000);
}

async function main(): Promise<number> {
  try {
    await kubectl(['get', '--raw=/version', '--request-timeout=10s']);
  } catch (error) {
    const reason = (error as Error).message.split('\n').at(-1);
    console.error(`No cluster can be reached by kubectl's current context, so nothing has been tested: ${reason}`);
    return 1;
  }

  try {
    const { sent, losses } = await run();
    const lost = Object.values(losses).reduce((sum, count) => sum + count, 0);
    console.log(`${sent} requests sent, ${lost} lost.`);
    return lost === 0 ? 0 : 1;
  } catch (error) {
    console.error(`Failed: ${(error as Error).message}`);
    if (!interruption.signal.aborted) {
      console.error(await inNamespace('get', 'pods,events', '--output=wide').catch(String));
    }
    return 1;
  } finally {
    console.log(`Deleting the namespace ${namespace}`);
    await kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=2m'], { abortable: false });
  }
}

process.exitCode = await main();
