/**
 * The reason why the service does not start, in words for the person who runs it.
 *
 * `message` is written to standard error as it is, one line for each thing to mend, without a stack trace: nothing in
 * the code has to change, only what the service was given.
 */
export class Refusal extends Error {}
