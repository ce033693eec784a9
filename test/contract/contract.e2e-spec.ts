import { describe } from '@jest/globals';
import { GROUPS, declareContract } from './clauses.js';
import { image, program } from './target.js';

const { binding, refusals, ending } = GROUPS;

describe.each([
  { target: program('the built program'), groups: GROUPS },
  // As PID 1, a program ignores SIGTERM until it runs, and when that is cannot be seen in a container.
  { target: image, groups: { binding, refusals, ending } },
])('$target.name keeps the contract of', ({ target, groups }) => {
  declareContract(target, groups);
});
