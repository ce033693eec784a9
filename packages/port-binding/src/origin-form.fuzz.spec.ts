import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { originForm } from './origin-form.js';

const { FUZZ_SEED = '1', FUZZ_RUNS = '300' } = process.env;
const OPTIONS = { seed: Number(FUZZ_SEED), numRuns: Number(FUZZ_RUNS) };

const METHOD = fc.constantFrom('GET', 'OPTIONS', 'POST');
/** Whatever a client may send between the method and the version. */
const ANYTHING = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...'/:?#%@[]*.ahtps'.split('')) }),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
);
const PATH_AND_QUERY = fc
  .string({ unit: fc.constantFrom(...'/?%&=.;,@:[]"<>\\^`{|}~!$+-_aZ0'.split('')) })
  .map((text) => `/${text}`);

it('is undefined, or a path and query that Express can route', () => {
  fc.assert(
    fc.property(METHOD, ANYTHING, (method, url) => {
      const target = originForm({ method, url });
      if (target === undefined) return;
      expect(target).toMatch(/^\/[!"$-~]*$/);
      expect(originForm({ method, url: target })).toBe(target);
    }),
    OPTIONS,
  );
});

it('is the path and query of any absolute form', () => {
  fc.assert(
    fc.property(fc.constantFrom('http', 'https', 'HTTP'), fc.webAuthority(), PATH_AND_QUERY, (scheme, host, target) => {
      expect(originForm({ method: 'GET', url: `${scheme}://${host}${target}` })).toBe(target);
    }),
    OPTIONS,
  );
});
