import { expect, it, jest } from '@jest/globals';
import { describeWithDocker } from '../../../../test/support/docker.js';
import { IMAGE } from '../../../../test/support/image.js';
import type { Result } from '../../src/check/clause.js';
import { binding } from '../../src/check/clauses/binding.js';
import { ending } from '../../src/check/clauses/ending.js';
import { refusals } from '../../src/check/clauses/refusals.js';
import { Command } from '../../src/check/command.js';
import { DEFAULTS, Subject } from '../../src/check/subject.js';

// A check starts a service up to fifty times, which takes minutes on a busy machine.
jest.setTimeout(900_000);

describeWithDocker()('docker run as the command', () => {
  it('maps the port, signals the container, and leaves none behind', async () => {
    const command = new Command(['docker', 'run', '--rm', '-i', IMAGE]);
    const subject = new Subject(command, { ...DEFAULTS, ready: '/health/ready', slow: '/delay/2' });
    const results: Result[] = [];
    for (const group of [binding, refusals, ending]) {
      for await (const each of group(subject)) results.push(each);
      await subject.killAll();
    }
    expect(results.filter(({ outcome }) => outcome === 'fails')).toEqual([]);
    const unchecked = results.filter(({ outcome }) => outcome === 'not checked').map(({ clause }) => clause.id);
    expect(unchecked).toEqual(['port-zero', 'taken-port']);
  });
});
