import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, it } from '@jest/globals';
import * as fc from 'fast-check';
import { BEHAVIOURS, Client } from './fuzz/client.js';
import { buildFork, describeWithForks } from '../support/fork.js';
import { start } from '../support/service.js';

/**
 * A failure says its seed and its path, which repeat it: FUZZ_SEED=2 FUZZ_PATH=17 npm test -- fuzz. More of them:
 * FUZZ_RUNS=1000.
 */
const { FUZZ_SEED, FUZZ_PATH = '', FUZZ_RUNS = '60' } = process.env;
/** As many drains at a time as there are seeds. */
const SEEDS = FUZZ_SEED === undefined ? [1, 2, 3] : [Number(FUZZ_SEED)];

/** What was sent this shortly before the program's last look may not have been in the kernel's queue by then. */
const KERNEL_MS = 25;

/**
 * Tells when the program last began to look for what the kernel holds, before it closed the port. What comes later may
 * come while the system's scheduler holds it up. A program that does not look since the signal owes whatever came.
 */
const OBSERVER = `import { syncBuiltinESMExports } from 'node:module';
import { Server } from 'node:net';
import timers from 'node:timers/promises';
const { close } = Server.prototype;
const { setImmediate } = timers;
let looked;
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => (looked = undefined));
timers.setImmediate = (...args) => {
  looked = Date.now();
  return setImmediate(...args);
};
syncBuiltinESMExports();
Server.prototype.close = function (...args) {
  if (this.listening) console.log(JSON.stringify({ message: 'port closes', lastLook: looked ?? Date.now() }));
  return close.apply(this, args);
};`;

const PLAN = fc.record({
  drainDelay: fc.constantFrom(0, 0, 50, 200),
  signal: fc.constantFrom('SIGTERM' as const, 'SIGINT' as const),
  signalAt: fc.nat(399),
  echo: fc.boolean(),
  plans: fc.array(
    fc.record({
      at: fc.nat(399),
      behaviour: fc.constantFrom(...(Object.keys(BEHAVIOURS) as (keyof typeof BEHAVIOURS)[])),
      random: fc.gen(),
    }),
    { minLength: 5, maxLength: 44, size: 'max' },
  ),
});
type Plan = typeof PLAN extends fc.Arbitrary<infer Value> ? Value : never;

let program: string;

describeWithForks()('a drain', () => {
  beforeAll(() => {
    ({ program } = buildFork(['streams', 'ws'], {
      lines: 'app.useWebSocketAdapter(new WsAdapter(app));',
      imports: "import { WsAdapter } from '@nestjs/platform-ws';\n",
    }));
  });

  it('gives everyone an answer whose request came before the port closed, whatever clients do', async () => {
    const numRuns = Math.ceil(Number(FUZZ_RUNS) / SEEDS.length);
    // A smaller drain would take as long to fail, so none is searched for.
    const options = { numRuns, path: FUZZ_PATH, endOnFailure: true };
    await Promise.all(SEEDS.map(async (seed) => fc.assert(fc.asyncProperty(PLAN, drain), { ...options, seed })));
  }, 3_600_000);
});

/** One start, some clients, one signal, one end. Fails when something was wrong with it. */
async function drain({ drainDelay, signal, signalAt, echo, plans }: Plan): Promise<void> {
  const timeout = 10_000;
  const { service, port } = await start(
    { DRAIN_DELAY_MS: String(drainDelay), SHUTDOWN_TIMEOUT_MS: String(timeout) },
    { program, execArgv: ['--import', `data:text/javascript,${encodeURIComponent(OBSERVER)}`] },
  );

  const clients: Client[] = [];
  const running = plans.map(async (plan) => {
    await delay(plan.at);
    const client = new Client(port, plan.behaviour);
    clients.push(client);
    await client.run(plan.random);
  });

  await delay(signalAt);
  const signalled = performance.now();
  service.kill(signal);
  if (echo) service.kill(signal);
  const { code } = await service.exit;
  const took = performance.now() - signalled;
  await Promise.all(running);

  const { lastLook } = service.log.find(({ message }) => message === 'port closes')!;
  const owed = Number(lastLook) - KERNEL_MS;
  const losers = clients.filter((client) => client.lost(owed) > 0);
  const unanswered = clients.reduce((sum, client) => sum + client.unanswered, 0);
  const last = service.log.findLast(({ context }) => context === 'PortBinding')?.message;
  const done = last === 'Done: every request is answered';

  const wrong = [
    ...losers.map((client) => `lost ${client.lost(owed)} answers:\n${client.events.join('\n')}`),
    ...(code === 0 || unanswered > 0 ? [] : [`status ${code}, though every request is answered`]),
    ...((code === 0) === done ? [] : [`status ${code}, but it says: ${last}`]),
    ...(took < timeout + 500 ? [] : [`took ${took} ms`]),
    ...(service.stderr === '' ? [] : [service.stderr]),
  ];
  if (wrong.length === 0) return;
  const story = [
    `${signal} after ${signalAt} ms, drain delay ${drainDelay} ms, status ${code}`,
    ...wrong,
    service.stdout,
  ];
  throw new Error(story.join('\n'));
}
