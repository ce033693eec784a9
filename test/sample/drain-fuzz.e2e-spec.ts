import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, it } from '@jest/globals';
import { BEHAVIOURS, Client } from './fuzz/client.js';
import { Random } from './fuzz/random.js';
import { buildFork, describeWithForks } from '../support/fork.js';
import { start } from '../support/service.js';

/** Another one, or several with a comma between: FUZZ_SEED=17 npm test -- fuzz. More of them: FUZZ_RUNS=1000. */
const SEEDS = process.env['FUZZ_SEED']?.split(',').map(Number);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 120);
const AT_A_TIME = 3;

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

let program: string;

describeWithForks()('a drain', () => {
  beforeAll(() => {
    ({ program } = buildFork(['streams', 'ws'], {
      lines: 'app.useWebSocketAdapter(new WsAdapter(app));',
      imports: "import { WsAdapter } from '@nestjs/platform-ws';\n",
    }));
  });

  it('gives everyone an answer whose request came before the port closed, whatever clients do', async () => {
    const seeds = SEEDS ?? Array.from({ length: RUNS }, (_, index) => index + 1);
    const failures: string[] = [];
    const runner = async () => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const wrong = await drain(seed);
        if (wrong !== undefined) failures.push(`FUZZ_SEED=${seed}: ${wrong}`);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, runner));
    expect(failures.join('\n\n')).toBe('');
  }, 3_600_000);
});

/** One start, some clients, one signal, one end. Gives what was wrong with it. */
async function drain(seed: number): Promise<string | undefined> {
  const random = new Random(seed);
  const [drainDelay, timeout] = [random.from([0, 0, 50, 200]), 10_000];
  const { service, port } = await start(
    { DRAIN_DELAY_MS: String(drainDelay), SHUTDOWN_TIMEOUT_MS: String(timeout) },
    { program, execArgv: ['--import', `data:text/javascript,${encodeURIComponent(OBSERVER)}`] },
  );

  const behaviours = Object.keys(BEHAVIOURS) as (keyof typeof BEHAVIOURS)[];
  const plans = Array.from({ length: 5 + random.below(40) }, () => ({
    at: random.below(400),
    behaviour: random.from(behaviours),
    random: new Random(random.below(2 ** 31)),
  }));
  const signal = random.from(['SIGTERM', 'SIGINT'] as const);
  const [signalAt, echo] = [random.below(400), random.below(4) === 0];

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
  const done = service.log.at(-1)?.message === 'Done: every request is answered';

  const wrong = [
    ...losers.map((client) => `lost ${client.lost(owed)} answers:\n${client.events.join('\n')}`),
    ...(code === 0 || unanswered > 0 ? [] : [`status ${code}, though every request is answered`]),
    ...((code === 0) === done ? [] : [`status ${code}, but it says: ${service.log.at(-1)?.message}`]),
    ...(took < timeout + 500 ? [] : [`took ${took} ms`]),
    ...(service.stderr === '' ? [] : [service.stderr]),
  ];
  if (wrong.length === 0) return undefined;
  return [
    `${signal} after ${signalAt} ms, drain delay ${drainDelay} ms, status ${code}`,
    ...wrong,
    service.stdout,
  ].join('\n');
}
