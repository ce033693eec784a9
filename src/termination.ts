import { isatty } from 'node:tty';

/**
 * A repeated signal within this time is an echo of the first one, not a second thought: npm passes on the Ctrl-C that
 * the terminal has already sent to the whole process group, and Heroku signals every process of a dyno, some of them
 * twice (https://devcenter.heroku.com/articles/dyno-shutdown-behavior). Those come within milliseconds; a person who
 * presses Ctrl-C again takes longer.
 */
const ECHO_MS = 250;

export type TerminationSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
type Handler = (signal: TerminationSignal) => unknown;

/** Until the service listens there is nothing to drain. */
let onFirst: Handler = () => process.exit(0);
let onSecond: Handler = () => process.exit(1);
let terminated = false;
let echoesOver = false;

// `nohup` has the process ignore that its terminal is closed, which Node undoes when it starts. What is left to tell is
// that no stream is the terminal's.
const onTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));

/** From now on the first signal calls `first`, and one that comes later and is no echo of it calls `second`. */
export function onTermination(first: Handler, second: Handler): void {
  onFirst = first;
  onSecond = second;
}

function receive(signal: TerminationSignal): void {
  if (!terminated) {
    terminated = true;
    // Over when the event loop has looked for signals after that time: what came while it was busy, came in time.
    setTimeout(() => setImmediate(() => (echoesOver = true)), ECHO_MS).unref();
    onFirst(signal);
  } else if (echoesOver) {
    onSecond(signal);
  }
}

// Listened to while this file loads, before anything slow: a process without a listener dies of the signal with the
// wrong status, or as PID 1 of a container does not notice it. `enableShutdownHooks()` would come later and take no
// notice of a second signal.
process.on('SIGTERM', receive).on('SIGINT', receive);

process.on('SIGHUP', () => {
  if (onTerminal) receive('SIGHUP');
});
