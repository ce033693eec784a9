import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time of a running process so far, user + system, in ms.
 *
 * Taken from the scheduler, which counts nanoseconds a thread, because /proc/<pid>/stat counts in ticks of 10 ms, half
 * of what a bare server needs to start. What a thread that has ended used is not in it, but Node's live as long as it.
 */
export function cpuTime(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((id) =>
    Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each) / 1e6;
}

/**
 * Memory of a running process in MB: all that is resident (RSS), and the same with each page divided by the number of
 * processes that share it (PSS). The more Node processes a machine runs, the smaller the second is.
 */
export function memory(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const [rss, pss] = ['Rss', 'Pss'].map(
    (name) => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(rollup)[1]) / 1024,
  );
  return { rss, pss };
}
