/**
 * A process beside the check, which ends what the check has started when that has ended itself, by whatever cause: even by
 * SIGKILL. It holds the other end of a pipe, which the kernel closes then.
 */
import { execFileSync } from 'node:child_process';
import { attempt } from '../sockets.js';
import { families, MARK } from './family.js';

const [mark = '', engine] = process.argv.slice(2);

process.stdin.resume().once('end', () => {
  for (let left = families(mark); left.length > 0; left = families(mark)) {
    for (const pid of left) attempt(() => [process.kill(pid, 'SIGKILL')]);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  if (engine !== undefined) {
    const containers = execFileSync(engine, ['ps', '--all', '--quiet', '--filter', `label=${MARK}=${mark}`], {
      encoding: 'utf8',
    });
    const ids = containers.split('\n').filter((id) => id !== '');
    if (ids.length > 0) execFileSync(engine, ['rm', '--force', '--volumes', ...ids], { stdio: 'ignore' });
  }
});
