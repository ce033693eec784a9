import { ConsoleLogger, Logger, type LogLevel, Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Environment } from './environment.js';

/** Nest's own account of its start-up, a line for each module and each route: details, shown from `debug` on. */
const START_UP = new Set<unknown>([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** What Nest says of an error that it then throws, and `main.ts` tells. */
const FAILED_START = 'ExceptionHandler';

// Whoever reads the log may go (EPIPE), or its disk be full: no reason to stop serving, or to drop what is in flight.
process.stdout.once('error', ({ message }) => process.stderr.write(`Going on without a log: ${message}\n`));
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/**
 * Nest's logger with every level on standard output, the stream that platforms collect
 * (https://12factor.net/logs): a JSON object a line, or readable text when a person is watching.
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
}

/**
 * Lets go what was logged so far, at the level that is asked for. Modules are made when the environment is known to be
 * good, and this one before any waits for a database, say: whoever watches the start sees what it waits for.
 */
@Module({})
export class LoggerModule {
  constructor(config: ConfigService<Environment, true>) {
    Logger.overrideLogger([config.get('LOG_LEVEL', { infer: true })]);
    Logger.flush();
  }
}
