import { isatty } from 'node:tty';

/**
 * A repeated signal within this time is an echo of the first one. npm passes on a Ctrl-C that the terminal has already sent
 * to the whole process group. Heroku may signal a process twice
 * (https://devcenter.heroku.com/articles/dyno-shutdown-behavior). Echoes come within milliseconds. A person who presses
 * Ctrl-C again takes longer.
 */
const ECHO_MS = 250;

export type TerminationSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
type Handler = (signal: TerminationSignal) => void;

/** The first signal, and later ones that are not its echoes. */
interface Handlers {
  first: Handler;
  second: Handler;
}

declare global {
  var portBindingSignals: Handlers | undefined;
}

/**
 * From now on `first` gets the first signal, and `second` a later one that is no echo of it. Until this is called, a signal
 * ends the process with status 0, because nothing is served yet.
 */
export function onTermination(first: Handler, second: Handler): void {
  Object.assign(handlers, { first, second });
}

/** Shared by all copies of this package in a process: an ES module, a CommonJS one, or another version. */
const handlers = (globalThis.portBindingSignals ??= hear());

function hear(): Handlers {
  const heard: Handlers = { first: () => process.exit(0), second: () => process.exit(1) };
  let terminated = false;
  let echoesOver = false;

  function receive(signal: TerminationSignal): void {
    if (!terminated) {
      terminated = true;
      // A busy program handles a signal late: it is no echo only if the event loop has looked for signals after that time.
      setTimeout(() => setImmediate(() => (echoesOver = true)), ECHO_MS).unref();
      heard.first(signal);
    } else if (echoesOver) {
      heard.second(signal);
    }
  }

  // `nohup` makes the process ignore SIGHUP, and Node undoes that when it starts. If no stream is on a terminal, none has
  // closed, and SIGHUP is ignored here.
  const onTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));

  // Before anything slow loads. Without a listener, a signal ends the process with the wrong status, or does nothing where
  // the process is PID 1 of a container.
  process.on('SIGTERM', receive);
  // PM2 sends SIGINT where others send SIGTERM. It keeps a channel to the process, and a person has none.
  process.on('SIGINT', () => receive(process.connected && !onTerminal ? 'SIGTERM' : 'SIGINT'));
  process.on('SIGHUP', () => onTerminal && receive('SIGHUP'));
  return heard;
}
