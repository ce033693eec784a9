import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import { describeWith } from '../../../../test/support/requirement.js';
import { type Result, link } from '../../src/check/clause.js';
import { GIVEN_PORT, binding } from '../../src/check/clauses/binding.js';
import { instances } from '../../src/check/clauses/instances.js';
import { Command } from '../../src/check/command.js';
import { DEFAULTS, Subject } from '../../src/check/subject.js';

// A check starts a service up to fifty times, which takes minutes on a busy machine.
jest.setTimeout(900_000);

const EXAMPLES = resolve('packages/port-binding/test/check/examples');
const folder = mkdtempSync(join(tmpdir(), 'port-binding-examples-'));
const has = (command: string, argument: string) => spawnSync(command, [argument]).status === 0;

let subject: Subject;

afterEach(() => subject.killAll());
afterAll(() => rmSync(folder, { recursive: true }));

async function outcomes(words: string[]): Promise<Result[]> {
  subject = new Subject(new Command(words), DEFAULTS);
  const results: Result[] = [];
  for (const group of [binding, instances]) {
    for await (const each of group(subject)) results.push(each);
    await subject.killAll();
  }
  return results;
}

const failed = (results: Result[]) =>
  results.filter(({ outcome }) => outcome === 'fails').map(({ clause }) => clause.id);

describe("the rule's own example in JavaScript", () => {
  it('keeps what it promises', async () => {
    expect(failed(await outcomes([process.execPath, join(EXAMPLES, 'right.mjs')]))).toEqual([]);
  });
});

describeWith(
  has('python3', '--version'),
  'Python',
  'Install it: https://www.python.org/downloads/',
)("the rule's own example in Python", () => {
  it('keeps what it promises, and binds IPv4 only', async () => {
    expect(failed(await outcomes(['python3', join(EXAMPLES, 'right.py')]))).toEqual(['ipv6']);
  });
});

describeWith(
  has('go', 'version'),
  'Go',
  'Install it: https://go.dev/doc/install',
)("the rule's own example in Go", () => {
  it('keeps what it promises', async () => {
    execFileSync('go', ['build', '-o', join(folder, 'right'), join(EXAMPLES, 'right.go')]);
    expect(failed(await outcomes([join(folder, 'right')]))).toEqual([]);
  });
});

describe('a service with a hard-coded port fails the clause about PORT, with advice', () => {
  it.each([
    ['3000', process.execPath, 'wrong-3000.mjs'],
    ['8080', process.execPath, 'wrong-8080.mjs'],
  ])('%s', async (port, command, file) => {
    subject = new Subject(new Command([command, join(EXAMPLES, file)]), DEFAULTS);
    const { value } = (await binding(subject).next()) as { value: Result };
    expect(value).toMatchObject({ clause: GIVEN_PORT, outcome: 'fails' });
    expect(value.seen).toMatch(new RegExp(`^was given \\d+ and bound ${port}$`));
    expect(value.clause.remedy).toMatch(/^Read PORT from the environment/);
    expect(link(value.clause)).toMatch(/docs\/check\.md#given-port$/);
  });
});
