import { freePort } from 'port-binding/check/ports';
import { installed } from '../balancers/balancer.js';
import { describeWith } from './requirement.js';
import { Program, emptyFolder } from './service.js';

const REDIS = installed('redis-server');

/** A `describe` for tests that need Redis. */
export const describeWithRedis = () =>
  describeWith(REDIS !== undefined, 'Redis', 'Install it: apt-get install redis-server');

/** Starts a Redis of the test's own, and gives its port once it takes connections. */
export async function startRedis(): Promise<number> {
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', emptyFolder()];
  await new Program(REDIS!, options, {}).accepting(port);
  return port;
}
