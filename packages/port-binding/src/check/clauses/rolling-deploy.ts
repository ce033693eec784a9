import { Balancer } from '../balancer.js';
import { inWords } from '../client.js';
import { type Clause, type Result, judge, result } from '../clause.js';
import { type Kind, Load, send } from '../load.js';
import { freePort } from '../ports.js';
import type { Endpoint } from '../program.js';
import { rollOut } from '../rollout.js';
import { type Serving, type Subject, seconds } from '../subject.js';

export const ROLLING_DEPLOY: Clause = {
  id: 'rolling-deploy',
  title: 'A rolling deploy loses no request',
  consequence: 'Users see these errors at every deploy, every scale-down, and every node that is drained.',
  remedy:
    'Mend the clauses about SIGTERM first: say not ready, go on serving, tell connections to close, then answer what is in flight.',
};

const JSON_BODY = { body: Buffer.from(JSON.stringify({ text: 'x'.repeat(2000) })), type: 'application/json' };
const UPLOAD = { body: Buffer.alloc(1_000_000, 1), type: 'application/octet-stream', slowness: 100 };

/** The kinds of request, by how many clients send them. A service may have no use for some: its refusal is an answer. */
const MIX: [number, Omit<Kind, 'status' | 'path' | 'name'>, string][] = [
  [6, { method: 'GET', keepAlive: true }, 'GET'],
  [2, { method: 'GET', keepAlive: false }, 'GET'],
  [1, { method: 'HEAD', keepAlive: true }, 'HEAD'],
  [2, { method: 'POST', ...JSON_BODY, keepAlive: true }, 'POST'],
  [1, { method: 'POST', ...JSON_BODY, keepAlive: false }, 'POST'],
  [2, { method: 'POST', ...JSON_BODY, slowness: 500, keepAlive: true }, 'POST'],
  [1, { method: 'POST', ...UPLOAD, keepAlive: true }, 'an upload'],
  [1, { method: 'POST', ...UPLOAD, keepAlive: false }, 'an upload'],
];

/** Three instances, replaced one by one under load behind the check's own balancer. */
export async function* rollingDeploy(subject: Subject): AsyncGenerator<Result> {
  const { options } = subject;
  const balancer = await Balancer.start(options);
  let kinds: Kind[] = [];
  let leftOut: string[] = [];
  let killed = 0;
  const join = async (): Promise<Serving> => {
    const requested = await freePort();
    const serving = await subject.serve(requested);
    if (serving.port !== requested)
      throw new Error(`an instance was given port ${requested} and bound ${serving.port}`);
    if (kinds.length === 0) ({ kinds, leftOut } = await learn(serving.endpoint, options.path));
    const ended = serving.program.ended.then(() => {
      throw new Error('an instance ended before it was ready');
    });
    await Promise.race([balancer.join(serving.endpoint), ended, tooLate(options.ready)]);
    return serving;
  };
  const leave = async ({ program, endpoint }: Serving) => {
    await program.signal('SIGTERM');
    if (!(await program.endsWithin(options.graceMs))) killed++;
    balancer.remove(endpoint);
    await subject.kill(program);
  };
  subject.progress('starts three instances behind the balancer');
  try {
    const began = performance.now();
    let replaced = 0;
    const { load } = await rollOut({
      join,
      leave,
      startLoad: () => new Load({ host: '127.0.0.1', port: balancer.port }, kinds),
      times: 1,
      requests: options.requests,
      onReplace: () => subject.progress(`replaces instance ${++replaced} of 3 under load`),
    });
    const seen = `${load.lost} of ${load.sent} requests lost in ${seconds(performance.now() - began)}`;
    yield judge(ROLLING_DEPLOY, load.lost === 0, seen, [
      ...[...load.losses].map(([what, count]) => `${count} × ${reworded(what)}`),
      ...(balancer.refused > 0
        ? [`${balancer.refused} connections were refused by the instance, or none was ready.`]
        : []),
      ...(killed > 0 ? [`${killed} instances did not end within the grace period and were killed.`] : []),
      ...leftOut,
    ]);
  } catch (error) {
    yield result(ROLLING_DEPLOY, 'fails', `no deploy: ${(error as Error).message}`);
  } finally {
    balancer.stop();
    await subject.killAll();
  }
}

/** Asks for each kind of answer while nothing else happens. Under load the answer must be the same. */
async function learn(endpoint: Endpoint, path: string): Promise<{ kinds: Kind[]; leftOut: string[] }> {
  const kinds: Kind[] = [];
  const leftOut = new Set<string>();
  for (const [clients, kind, name] of MIX) {
    const statuses: (number | string)[] = [];
    for (let time = 0; time < 2; time++) statuses.push(await send(endpoint, { ...kind, path }, false).catch(inWords));
    const [status] = statuses;
    if (typeof status === 'number' && status > 0 && status < 500 && status === statuses[1]) {
      kinds.push(...Array.from({ length: clients }, () => ({ ...kind, path, name, status })));
    } else {
      leftOut.add(
        `Left out, because it has no steady answer without a deploy either: ${name} (${statuses.join(', ')})`,
      );
    }
  }
  if (!kinds.some(({ method }) => method === 'GET'))
    throw new Error(`GET ${path} has no steady answer: ${[...leftOut][0]}`);
  return { kinds, leftOut: [...leftOut] };
}

/** Without this, a readiness path that never says ready would let the check wait for ever. */
async function tooLate(ready: string | undefined): Promise<never> {
  return new Promise((_, fail) => {
    setTimeout(() => fail(new Error(`${ready ?? 'an instance'} did not become ready within 60 s`)), 60_000).unref();
  });
}

function reworded(loss: string): string {
  const [what = '', ...to] = loss.split(' to ');
  return [/^\d+$/.test(what) ? `status ${what}` : inWords({ code: what, message: what }), ...to].join(' to ');
}
