/** What every start of the program gets in the tests: the variables that a fork requires. */
export const ENVIRONMENT: Record<string, string> = {};

Object.assign(process.env, ENVIRONMENT); // for modules that are tested in Jest's own process
