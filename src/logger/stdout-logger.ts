import { ConsoleLogger, type LogLevel } from '@nestjs/common';

/** Nest reports each module and each route at its start: details for the debug level. */
const START_UP = new Set<unknown>([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** The context in which Nest logs an error before it throws it. `main.ts` logs that error. */
const FAILED_START = 'ExceptionHandler';

/**
 * The field's names for Nest's levels: `severity` for Google Cloud
 * (https://cloud.google.com/logging/docs/structured-logging), `level` for all others.
 */
const NAMES: Record<LogLevel, { severity: string; level: string }> = {
  fatal: { severity: 'CRITICAL', level: 'fatal' },
  error: { severity: 'ERROR', level: 'error' },
  warn: { severity: 'WARNING', level: 'warn' },
  log: { severity: 'INFO', level: 'info' },
  debug: { severity: 'DEBUG', level: 'debug' },
  verbose: { severity: 'DEBUG', level: 'trace' },
};

// Keep serving and draining when the log's reader has gone (EPIPE) or its disk is full (ENOSPC).
process.stdout.once('error', ({ code }: NodeJS.ErrnoException) =>
  process.stderr.write(`Cannot write logs (${code}). The service continues without them.\n`),
);
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/**
 * Nest's logger, with every level on standard output because platforms collect that stream
 * (https://12factor.net/logs): one JSON object per line, or readable text on a terminal.
 */
export class StdoutLogger extends ConsoleLogger {
  constructor() {
    super({ json: !process.stdout.isTTY, flattenParams: true, logLevels: ['log'] });
  }

  override log(message: unknown, ...rest: unknown[]): void {
    if (START_UP.has(rest.at(-1))) {
      super.debug(message, ...rest);
    } else {
      super.log(message, ...rest);
    }
  }

  override error(message: unknown, ...rest: unknown[]): void {
    if (rest.at(-1) !== FAILED_START) super.error(message, ...rest);
  }

  protected override printMessages(
    messages: unknown[],
    context?: string,
    level?: LogLevel,
    _stream?: 'stdout' | 'stderr',
    stack?: unknown,
    fields?: Record<string, unknown>,
  ): void {
    super.printMessages(messages, context, level, 'stdout', stack, fields);
  }

  protected override printStackTrace(stack: string): void {
    if (stack && !this.options.json) {
      process.stdout.write(`${stack}\n`);
    }
  }

  protected override stringifyJsonLogObject({ level, timestamp, ...rest }: Record<string, unknown>): string {
    const first = { time: new Date(timestamp as number).toISOString(), ...NAMES[level as LogLevel] };
    // Once for the order, once to win over an application's fields with the same names.
    return super.stringifyJsonLogObject({ ...first, ...rest, ...first });
  }
}
