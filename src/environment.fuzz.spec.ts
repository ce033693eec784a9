import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { StartupError } from 'port-binding';
import { ENVIRONMENT } from '../test/support/environment.js';
import { environmentSchema, validate } from './environment.js';

const { FUZZ_SEED = '1', FUZZ_RUNS = '300' } = process.env;
const OPTIONS = { seed: Number(FUZZ_SEED), numRuns: Number(FUZZ_RUNS) };

it.each(Object.keys(environmentSchema.entries))('accepts %s, or refuses it in one printable line', (name) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.integer().map(String),
    fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.webUrl()),
  );
  fc.assert(
    fc.property(text, (value) => {
      try {
        expect(validate(ENVIRONMENT, { [name]: value })).toHaveProperty(name);
      } catch (error) {
        expect(error).toBeInstanceOf(StartupError);
        expect((error as StartupError).message).toMatch(/^[A-Z_]+ is [ -~…]+$/);
      }
    }),
    OPTIONS,
  );
});
