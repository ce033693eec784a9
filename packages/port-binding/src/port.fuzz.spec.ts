import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parsePort } from './port.js';
import { StartupError } from './startup-error.js';

const { FUZZ_SEED = '1', FUZZ_RUNS = '300' } = process.env;
const OPTIONS = { seed: Number(FUZZ_SEED), numRuns: Number(FUZZ_RUNS) };

it('reads every port that there is', () => {
  fc.assert(
    fc.property(fc.nat(65_535), (port) => expect(parsePort(String(port))).toBe(port)),
    OPTIONS,
  );
});

it('reads nothing else, and refuses in one line', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.integer().map(String), fc.float().map(String), numberLike());
  fc.assert(
    fc.property(text, (given) => {
      try {
        expect(String(parsePort(given))).toBe(given);
      } catch (error) {
        expect(error).toBeInstanceOf(StartupError);
        expect((error as StartupError).message).toMatch(/^The port is [^\r\n]+$/);
      }
    }),
    OPTIONS,
  );
});

/** What `Number()` reads as a port, and people write by mistake. */
function numberLike() {
  const parts = [
    fc.constantFrom('', ' ', '+', '-', '0', '0x', '0b'),
    fc.nat(99_999),
    fc.constantFrom('', ' ', '\n', '.0', 'e1'),
  ];
  return fc.tuple(...parts).map((all) => all.join(''));
}
