import { ask, inWords } from '../client.js';
import { type Clause, type Result, judge } from '../clause.js';
import { freePorts } from '../ports.js';
import { START_LIMIT_MS, type Subject } from '../subject.js';

const REMEDY =
  'Share nothing that only one program can have: no second fixed port, no lock file, no PID file, no Unix socket.';

export const TWO_INSTANCES: Clause = {
  id: 'two-instances',
  title: 'Two instances run on one host',
  consequence:
    'A rolling deploy starts the new instance before it ends the old one. On the same host the new one fails.',
  remedy: REMEDY,
};

export const TWENTY_INSTANCES: Clause = {
  id: 'twenty-instances',
  title: 'Twenty instances run on one host',
  consequence: 'The service cannot be scaled out by its process model: some of the instances do not start.',
  remedy: REMEDY,
};

/** Several instances side by side, each on a port of its own. */
export async function* instances(subject: Subject): AsyncGenerator<Result> {
  yield await sideBySide(subject, TWO_INSTANCES, 2);
  yield await sideBySide(subject, TWENTY_INSTANCES, 20);
}

async function sideBySide(subject: Subject, clause: Clause, count: number): Promise<Result> {
  subject.progress(`starts ${count} instances`);
  const ports = await freePorts(count);
  // Twenty at a time take the processor from each other.
  const starts = await Promise.allSettled(ports.map((port) => subject.serve(port, 3 * START_LIMIT_MS)));
  const faults = await Promise.all(
    starts.map(async (start, index) => {
      const requested = ports[index]!;
      if (start.status === 'rejected') return `port ${requested}: ${(start.reason as Error).message}`;
      const { port, endpoint } = start.value;
      if (port !== requested) return `port ${requested}: bound ${port}`;
      return ask(endpoint, subject.options.path).then(
        () => undefined,
        (error: unknown) => `port ${requested}: ${inWords(error)}`,
      );
    }),
  );
  await Promise.all(starts.map(async (start) => start.status === 'fulfilled' && subject.kill(start.value.program)));
  const failed = faults.filter((fault) => fault !== undefined);
  const serve = `${count - failed.length} of ${count} serve`;
  return judge(clause, failed.length === 0, failed.length === 0 ? serve : `${serve}; ${failed[0]}`, failed);
}
