/** The variables that every program under test starts with: a fork adds those that it requires. */
export const ENVIRONMENT: Record<string, string> = {};

Object.assign(process.env, ENVIRONMENT); // for modules that are tested in Jest's own process
