/**
 * The reason why a service does not start, in words for the person who runs it.
 *
 * Write `message` to standard error as it is, without a stack trace: what the service was given has to change, not its
 * code. It has one line for each thing to mend.
 */
export class StartupError extends Error {
  override name = 'StartupError';
}
