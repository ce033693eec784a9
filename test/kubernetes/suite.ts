/**
 * The manifests on a live cluster, that of kubectl's current context: IMAGE=<image> npm run test:kubernetes
 * With words behind `--` only the cases in whose titles one of them occurs.
 *
 * It happens in a namespace that is made for it, and that is removed again whatever happens: Ctrl-C, too.
 */
import { writeFileSync } from 'node:fs';
import { CASES } from './cases.js';
import { CHECKS } from './checks.js';
import { inNamespace, interrupted, kubectl, namespace, ready } from './cluster.js';
import { SERVICE, list, manifests } from './manifests.js';
import { type Result, tap } from './tap.js';

const words = process.argv.slice(2);

async function deploy(): Promise<void> {
  const items = manifests(namespace, process.env['IMAGE']);
  await kubectl(['apply', '--filename=-'], { input: list(items) });
  await ready(3);
  // The autoscaler has made three of the Deployment's one. From here on it would only scale at times of its own.
  await inNamespace('delete', 'horizontalpodautoscaler', SERVICE);
}

const underLoad = Object.entries(CASES).map(([title, befall]): [string, () => Promise<Result>] => [
  title,
  async () => {
    const { sent, losses, faults = Object.keys(losses) } = await befall();
    return { requests: sent, lost: Object.values(losses).reduce((sum, count) => sum + count, 0), losses, faults };
  },
]);
const checks = Object.entries(CHECKS).map(([title, check]): [string, () => Promise<Result>] => [
  title,
  async () => ({ faults: await check() }),
]);
const cases = [...checks, ...underLoad].filter(
  ([title]) => words.length === 0 || words.some((word) => title.includes(word)),
);

/** One case after the other, whatever became of those before. */
async function run(): Promise<boolean> {
  const results: Record<string, Result> = {};
  for (const [title, befall] of cases) {
    console.log(`${title} …`);
    results[title] = await befall().catch((error: Error) => {
      if (interrupted.aborted) throw error;
      return { faults: [error.message] };
    });
    console.log(JSON.stringify(results[title]));
  }
  console.table(results, ['requests', 'lost']);
  writeFileSync('kubernetes.tap', tap(results));
  return Object.values(results).every(({ faults }) => faults.length === 0);
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
    await deploy();
    const passed = await run();
    if (!passed) console.error(await inNamespace('get', 'pods,events', '--output=wide').catch(String));
    return passed ? 0 : 1;
  } catch (error) {
    console.error(`Failed: ${(error as Error).message}`);
    return 1;
  } finally {
    console.log(`Deleting the namespace ${namespace}`);
    await kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=2m'], { abortable: false });
  }
}

process.exitCode = await main();
