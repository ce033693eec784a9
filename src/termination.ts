/**
 * A repeated signal within this time is an echo of the first one, not a second thought: npm passes on the Ctrl-C that
 * the terminal has already sent to the whole process group, and Heroku signals every process of a dyno, some of them
 * twice (https://devcenter.heroku.com/articles/dyno-shutdown-behavior). Those come within milliseconds; a person who
 * presses Ctrl-C again takes longer.
 */
const ECHO_MS = 250;

export type TerminationSignal = 'SIGTERM' | 'SIGINT';

let terminatedAt: number | undefined;

/** What the first signal does. Until the service listens there is nothing to drain. */
let terminate: (signal: TerminationSignal) => void = () => process.exit(0);

/** From now on the first SIGTERM or SIGINT calls this. */
export function onTermination(handler: (signal: TerminationSignal) => void): void {
  terminate = handler;
}

// Listened to while this file loads, before anything slow: a process without a listener dies of the signal with the
// wrong status, or as PID 1 of a container does not notice it. `enableShutdownHooks()` would come later and take no
// notice of a second signal.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (terminatedAt === undefined) {
      terminatedAt = performance.now();
      terminate(signal);
    } else if (performance.now() - terminatedAt > ECHO_MS) {
      process.exit(1);
    }
  });
}
