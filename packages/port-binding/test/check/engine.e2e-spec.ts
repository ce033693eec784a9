import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { emptyFolder } from '../../../../test/support/service.js';
import { binding } from '../../src/check/clauses/binding.js';
import { ending } from '../../src/check/clauses/ending.js';
import { refusals } from '../../src/check/clauses/refusals.js';
import { rollingDeploy } from '../../src/check/clauses/rolling-deploy.js';
import { Command } from '../../src/check/command.js';
import { freePort } from '../../src/check/ports.js';
import { DEFAULTS, Subject } from '../../src/check/subject.js';

// A check starts a service up to fifty times, which takes minutes on a busy machine.
jest.setTimeout(900_000);

const SERVICE = resolve('packages/port-binding/test/check/fixtures/engine.mjs');
const OPTIONS = { ...DEFAULTS, ready: '/ready', intervalMs: 100, graceMs: 15_000, requests: 500 };

let subject: Subject;

// A service that takes its PORT for the name of a Unix socket puts that into the folder where it runs.
const project = process.cwd();
beforeAll(() => process.chdir(emptyFolder()));
afterAll(() => process.chdir(project));

afterEach(() => subject.killAll());

async function failures(group: typeof binding, mutation: string): Promise<string[]> {
  process.env['DEFAULT_PORT'] = String(await freePort());
  subject = new Subject(new Command([process.execPath, SERVICE, mutation]), OPTIONS);
  const failed: string[] = [];
  for await (const { clause, outcome } of group(subject)) if (outcome === 'fails') failed.push(clause.id);
  return failed;
}

describe("the check of the engine of this package, with one part taken out, fails that part's clause", () => {
  it.each<[string, typeof binding, unknown]>([
    ['none', ending, []],
    ['none', rollingDeploy, []],
    // Connections that wait to be accepted at that moment may still get a 503, and be told to close.
    ['no-drain', ending, expect.arrayContaining(['serves-on'])],
    ['hard-coded-port', binding, ['given-port']],
    ['unix-socket', refusals, ['bad-port']],
    ['loopback-only', binding, ['ipv4', 'ipv6']],
    ['exit-0-with-loss', ending, ['slow-request', 'upload']],
  ])('%s', async (mutation, group, expected) => {
    expect(await failures(group, mutation)).toEqual(expected);
  });
});
