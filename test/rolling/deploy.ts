import { type Program, start } from '../support/service.js';
import { Balancer } from './balancer.js';
import { Load } from './load.js';

export interface Options {
  /** How the balancer checks, in HAProxy's words. */
  check: string;
  /** The environment of every instance. */
  env?: Record<string, string>;
  /** The program, if not the one that is built here. */
  program?: string;
  /** How often every instance is replaced. */
  times: number;
  /** Go on until at least so many requests have been sent. */
  requests: number;
  /** Waited for before an instance joins, and when it has got its signal. */
  onStart?: (service: Program, port: number) => Promise<void>;
  onSignal?: (service: Program) => Promise<void>;
  /** Where to look at it, as soon as the balancer listens. */
  onBalancer?: (url: string) => void;
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

interface Instance {
  service: Program;
  port: number;
  life: Life;
}

/**
 * Replaces three instances one after another, behind a real HAProxy and under load: a new instance first, on a port
 * that the operating system chooses, then SIGTERM to the old one. Counts the requests that were not answered.
 */
export async function rollingDeploy(options: Options): Promise<Outcome> {
  const { check, env = {}, program, times, requests, onProgress = () => undefined } = options;
  const balancer = await Balancer.start(check);
  options.onBalancer?.(`http://127.0.0.1:${balancer.port}`);
  const history: History = { lives: [], requests: [] };
  const began = performance.now();
  const now = () => (performance.now() - began) / 1000;
  const join = async (): Promise<Instance> => {
    const { service, port } = await start(env, program === undefined ? {} : { program });
    await options.onStart?.(service, port);
    await balancer.add(port);
    const life = { port, ready: now() };
    history.lives.push(life);
    return { service, port, life };
  };

  let instances: Instance[] = await Promise.all([join(), join(), join()]);
  const load = new Load(balancer.port);
  let before = { answered: 0, lost: 0 };
  const count = () => {
    const { answered, lost } = load;
    history.requests.push({ answered: answered - before.answered, lost: lost - before.lost });
    before = { answered, lost };
  };
  const counting = setInterval(count, 1000);
  const exits: (number | null)[] = [];
  const tell = (event: string) => onProgress(event, load);
  await load.reach(500);
  tell(`3 instances serve, on ports ${instances.map(({ port }) => port).join(', ')}`);

  for (let time = 0; time < times; time++) {
    const next: Instance[] = [];
    for (const old of instances) {
      const young = await join();
      tell(`port ${young.port} is ready, port ${old.port} gets SIGTERM`);
      old.life.draining = now();
      old.service.kill('SIGTERM');
      await options.onSignal?.(old.service);
      const { code } = await old.service.exit;
      old.life.ended = now();
      exits.push(code);
      await balancer.remove(old.port);
      tell(`port ${old.port} has ended with status ${code}`);
      next.push(young);
    }
    instances = next;
  }

  await load.reach(requests);
  await load.stop();
  clearInterval(counting);
  count();
  await options.onEnd?.(load);
  for (const { service } of instances) service.kill('SIGKILL');
  balancer.stop();
  return { sent: load.sent, lost: load.lost, losses: Object.fromEntries(load.losses), exits, history };
}
