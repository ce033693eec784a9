import type { Load } from 'port-binding/check/load';
import { rollOut } from 'port-binding/check/rollout';
import type { Balancer, Instance } from '../balancers/balancer.js';
import { type Program, start } from '../support/service.js';
import { startLoad } from './load.js';

export interface Options {
  balancer: Balancer;
  /** The environment of every instance. */
  env?: Record<string, string>;
  /** The program, if not the one that is built here. */
  program?: string;
  /** How often every instance is replaced. */
  times: number;
  /** Asked before each time, if that is not to be told beforehand. */
  goOn?: () => boolean;
  /** Go on until at least so many requests have been sent. */
  requests: number;
  /** Where the program sends events without an end, if it does. */
  events?: string;
  /** How many clients the load has beside those that it always has. */
  more?: number;
  /** Waited for before an instance joins, and while it leaves. */
  onStart?: (service: Program, port: number) => Promise<void>;
  onDrain?: (service: Program) => Promise<void>;
  /** While the last instances still run, when the load has ended. */
  onEnd?: (load: Load) => Promise<void>;
  onProgress?: (event: string, load: Load) => void;
}

export interface Outcome {
  sent: number;
  lost: number;
  losses: Record<string, number>;
  /** The exit codes of the replaced instances. */
  exits: (number | null)[];
  history: History;
}

/** What happened, in seconds since the load began. */
export interface History {
  lives: Life[];
  /** Of each second. */
  requests: { answered: number; lost: number }[];
}

export interface Life {
  port: number;
  ready: number;
  /** From when on it drained, and when it had ended, if it did. */
  draining?: number;
  ended?: number;
}

/**
 * Replaces three instances one after another, behind a real balancer and under load: a new instance first, on a port that
 * the operating system chooses or the balancer has, then SIGTERM to the old one. Counts the requests that were not answered.
 */
export async function rollingDeploy(options: Options): Promise<Outcome> {
  const { balancer, env = {}, program, times, goOn = () => true, requests, onProgress = () => undefined } = options;
  const history: History = { lives: [], requests: [] };
  const began = performance.now();
  const now = () => (performance.now() - began) / 1000;
  let running: Load | undefined;
  const tell = (event: string) => onProgress(event, running!);
  const exits: (number | null)[] = [];
  let before = { answered: 0, lost: 0 };
  const count = () => {
    const { answered, lost } = running!;
    history.requests.push({ answered: answered - before.answered, lost: lost - before.lost });
    before = { answered, lost };
  };
  let counting: NodeJS.Timeout | undefined;

  const { instances, load } = await rollOut<Instance & { life: Life }>({
    times,
    goOn,
    requests,
    async join() {
      const PORT = String(balancer.nextPort?.() ?? 0);
      const { service, port } = await start({ ...env, PORT }, program === undefined ? {} : { program });
      await options.onStart?.(service, port);
      const instance = { service, port, life: { port, ready: 0 } };
      await balancer.join(instance);
      instance.life.ready = now();
      history.lives.push(instance.life);
      return instance;
    },
    startLoad() {
      running = startLoad({ host: '127.0.0.1', port: balancer.port }, options);
      counting = setInterval(count, 1000);
      return running;
    },
    onStart(serving) {
      tell(`3 instances serve, on ports ${serving.map(({ port }) => port).join(', ')}`);
    },
    onReplace(old, young) {
      tell(`port ${young.port} is ready, port ${old.port} gets SIGTERM`);
    },
    async leave(old) {
      old.life.draining = now();
      await Promise.all([balancer.leave(old), options.onDrain?.(old.service)]);
      old.life.ended = now();
      const { code } = await old.service.exit;
      exits.push(code);
      tell(`port ${old.port} has ended with status ${code}`);
    },
  });

  clearInterval(counting);
  count();
  const { sent, lost, losses } = load;
  await options.onEnd?.(load);
  for (const { service } of instances) service.kill('SIGKILL');
  balancer.stop();
  return { sent, lost, losses: Object.fromEntries(losses), exits, history };
}
