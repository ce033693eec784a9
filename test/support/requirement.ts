import { describe, expect, it, jest } from '@jest/globals';

/** Tools take their time on a busy machine: an engine for an image, a cluster for a rollout. */
const TOOL_MS = 900_000;

/**
 * A `describe` for tests that need a tool which not every machine has. Without it they are left out, which is said in
 * one line; in CI, where nothing may be left out, that is a failure.
 */
export function describeWith(
  present: boolean,
  tool: string,
  howToGetIt: string,
): typeof describe | typeof describe.skip {
  jest.setTimeout(TOOL_MS);
  if (present) return describe;
  const message = `Left out: the tests that need ${tool}, which is not here. ${howToGetIt}`;
  if (process.env['CI']) {
    it(`needs ${tool}`, () => expect(message).toBe(''));
  } else {
    process.stderr.write(`${message}\n`);
  }
  return describe.skip;
}
