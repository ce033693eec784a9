/**
 * The manifests on a live cluster, that of kubectl's current context: IMAGE=<image> npm run test:kubernetes
 * With words behind `--` only the cases in whose titles one of them occurs.
 *
 * It happens in a namespace that is made for it, and that is removed again whatever happens: Ctrl-C, too.
 */
import { CASES } from './cases.js';
import { inNamespace, interrupted, kubectl, namespace, ready } from './cluster.js';
import { SERVICE, manifests } from './manifests.js';

const words = process.argv.slice(2);
const cases = Object.entries(CASES).filter(
  ([title]) => words.length === 0 || words.some((word) => title.includes(word)),
);

async function deploy(): Promise<void> {
  const items = manifests(namespace, process.env['IMAGE']);
  await kubectl(['apply', '--filename=-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  await ready(3);
  // The autoscaler has made three of the Deployment's one. From here on it would only scale at times of its own.
  await inNamespace('delete', 'horizontalpodautoscaler', SERVICE);
}

/** One case after the other, whatever became of those before. */
async function run(): Promise<boolean> {
  const table: Record<string, object> = {};
  let passed = true;
  for (const [title, befall] of cases) {
    console.log(`${title} …`);
    try {
      const { sent, losses, faults = Object.keys(losses) } = await befall();
      const lost = Object.values(losses).reduce((sum, count) => sum + count, 0);
      table[title] = { requests: sent, lost, losses: JSON.stringify(losses), faults: faults.join(', ') };
      passed &&= faults.length === 0;
    } catch (error) {
      if (interrupted.aborted) throw error;
      table[title] = { faults: (error as Error).message };
      passed = false;
    }
    console.log(JSON.stringify(table[title]));
  }
  console.table(table);
  return passed;
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
