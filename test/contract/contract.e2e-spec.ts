import { describe } from '@jest/globals';
import { declareContract } from './clauses.js';
import { image, program } from './target.js';

describe.each([program('the built program'), image])('$name keeps the contract of', (target) => {
  declareContract(target);
});
