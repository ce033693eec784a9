import type { Load } from './load.js';

export interface Rollout<Instance> {
  /** Starts an instance. Resolves when the balancer sends requests to it. */
  join: () => Promise<Instance>;
  /** Ends an instance. Resolves when it has ended. */
  leave: (instance: Instance) => Promise<void>;
  /** Starts the load, once three instances serve. */
  startLoad: () => Load;
  /** How often every instance is replaced. */
  times: number;
  /** Asked before each time, if that is not known beforehand. */
  goOn?: () => boolean;
  /** Go on until at least so many requests have been sent. */
  requests: number;
  onStart?: (instances: Instance[]) => void;
  /** Called when a new instance serves and an old one is about to leave. */
  onReplace?: (old: Instance, young: Instance) => void;
}

/**
 * Replaces three instances one after another, behind a balancer and under load: a new instance first, then the end of the
 * old one. Resolves with those that still run, and with the load, which has ended.
 */
export async function rollOut<Instance>(rollout: Rollout<Instance>): Promise<{ instances: Instance[]; load: Load }> {
  const { join, leave, times, goOn = () => true, requests } = rollout;
  // One by one: a balancer that is reloading does not hear a second reload.
  let instances = [await join(), await join(), await join()];
  const load = rollout.startLoad();
  try {
    await load.reach(500);
    rollout.onStart?.(instances);
    for (let time = 0; time < times && goOn(); time++) {
      const next = [];
      for (const old of instances) {
        const young = await join();
        rollout.onReplace?.(old, young);
        await leave(old);
        next.push(young);
      }
      instances = next;
    }
    await load.reach(requests);
  } finally {
    await load.stop();
  }
  return { instances, load };
}
