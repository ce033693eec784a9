import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { emptyFolder } from '../../../../test/support/service.js';
import type { Result } from '../../src/check/clause.js';
import { binding, timeToListen } from '../../src/check/clauses/binding.js';
import { ending, endingAtStart } from '../../src/check/clauses/ending.js';
import { instances } from '../../src/check/clauses/instances.js';
import { refusals } from '../../src/check/clauses/refusals.js';
import { rollingDeploy } from '../../src/check/clauses/rolling-deploy.js';
import { Command } from '../../src/check/command.js';
import { freePort } from '../../src/check/ports.js';
import { DEFAULTS, type Options, Subject } from '../../src/check/subject.js';

// A check starts a service up to fifty times, which takes minutes on a busy machine.
jest.setTimeout(900_000);

const SERVICE = resolve('packages/port-binding/test/check/fixtures/service.mjs');

/** Checks in quick succession: what drains here does so for two seconds. */
const OPTIONS = { ...DEFAULTS, ready: '/ready', intervalMs: 100, graceMs: 15_000, requests: 500 };

/** Options for some of the faults. */
const SPECIAL: Record<string, Partial<Options>> = {
  // So that the checks take longer than the drain.
  'short-drain': { intervalMs: 2000 },
  // So that the test does not wait for long for what never ends.
  'waits-for-idle': { graceMs: 5000 },
  'ignores-sigterm': { graceMs: 5000 },
  'deaf-at-start': { graceMs: 2000 },
};

type Group = (subject: Subject) => AsyncGenerator<Result>;

let subject: Subject;

// A service that takes its PORT for the name of a Unix socket puts that into the folder where it runs.
const project = process.cwd();
beforeAll(() => process.chdir(emptyFolder()));
afterAll(() => process.chdir(project));

afterEach(() => subject.killAll());

async function results(group: Group, words: string[], options: Partial<Options> = {}): Promise<Result[]> {
  process.env['DEFAULT_PORT'] = String(await freePort());
  subject = new Subject(new Command(words), { ...OPTIONS, ...options });
  // As long as the services with a slow start take; the others have listened long before.
  subject.msToListen = 3000;
  const all: Result[] = [];
  for await (const each of group(subject)) all.push(each);
  return all;
}

async function failures(group: Group, fault: string, options: Partial<Options> = {}): Promise<string[]> {
  const all = await results(group, [process.execPath, SERVICE, fault], options);
  return all.filter(({ outcome }) => outcome === 'fails').map(({ clause }) => clause.id);
}

describe('a service without a fault fails no clause about', () => {
  it.each<[string, Group]>([
    ['binding', binding],
    ['instances', instances],
    ['refusals', refusals],
    ['SIGTERM', ending],
    ['rolling deploys', rollingDeploy],
  ])('%s', async (_, group) => {
    const all = await results(group, [process.execPath, SERVICE]);
    expect(all.map(({ clause, outcome }) => [clause.id, outcome])).toEqual(
      all.map(({ clause }) => [clause.id, 'holds']),
    );
  });

  it('SIGTERM at the start', async () => {
    expect(await failures(endingAtStart, 'slow-at-start')).toEqual([]);
  });
});

describe('a service fails exactly the clauses that it breaks', () => {
  it.each<[string, Group, string[]]>([
    ['hard-coded', binding, ['given-port']],
    ['random-port', binding, ['given-port', 'default-port']],
    ['loopback', binding, ['ipv4', 'ipv6']],
    ['ipv4-only', binding, ['ipv6']],
    ['no-default', binding, ['default-port']],
    ['lock', instances, ['two-instances', 'twenty-instances']],
    ['ten-slots', instances, ['twenty-instances']],
    ['unvalidated', refusals, ['bad-port']],
    ['falls-back', refusals, ['bad-port']],
    ['ends-with-0', refusals, ['bad-port']],
    ['nameless', refusals, ['bad-port']],
    ['moves-on', refusals, ['taken-port']],
    ['always-ready', ending, ['not-ready']],
    ['short-drain', ending, ['serves-on']],
    ['rejects', ending, ['serves-on']],
    ['silent-close', ending, ['tells-to-close']],
    ['cuts-off', ending, ['slow-request', 'upload']],
    ['no-drain', ending, ['not-ready', 'serves-on', 'tells-to-close', 'slow-request', 'upload']],
    ['waits-for-idle', ending, ['ends-in-time', 'status-zero']],
    ['ignores-sigterm', ending, ['not-ready', 'tells-to-close', 'ends-in-time', 'status-zero']],
    ['status-1', ending, ['status-zero']],
    ['deaf-at-start', endingAtStart, ['sigterm-at-start']],
    ['no-drain', rollingDeploy, ['rolling-deploy']],
    ['hard-coded', rollingDeploy, ['rolling-deploy']],
  ])('%s', async (fault, group, expected) => {
    expect(await failures(group, fault, SPECIAL[fault])).toEqual(expected);
  });

  it('a start that takes longer than Heroku waits', () => {
    expect([timeToListen(60_000), timeToListen(60_001)].map(({ outcome }) => outcome)).toEqual(['holds', 'fails']);
  });

  it('a shell between the command and the program', async () => {
    const all = await results(ending, ['sh', '-c', `${process.execPath} ${SERVICE}; true`]);
    expect(all.find(({ clause }) => clause.id === 'reaches-program')).toMatchObject({ outcome: 'fails' });
  });
});

it('tells what became of a PORT that nobody validated, and removes the Unix socket', async () => {
  const [badPort] = await results(refusals, [process.execPath, SERVICE, 'unvalidated']);
  expect(badPort!.details[0]).toBe('"abc": the program listens on the Unix socket abc, not on a port');
  expect(existsSync('abc')).toBe(false);
});

it('does not count a bound port that nobody is told as a fault', async () => {
  const all = await results(binding, [process.execPath, SERVICE, 'silent']);
  expect(all.find(({ clause }) => clause.id === 'port-zero')).toMatchObject({ outcome: 'not promised' });
});

it('asks for a slow path where the service answers before the body is in', async () => {
  const all = await results(ending, [process.execPath, SERVICE, 'unread']);
  expect(all.find(({ clause }) => clause.id === 'slow-request')).toMatchObject({
    outcome: 'not checked',
    seen: 'answers before a body is in: --slow PATH names a slow path',
  });
});
