import { Logger, Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Environment } from '../environment.js';

/**
 * Writes the lines that Nest has buffered so far, at the requested level. Nest creates modules once the environment is
 * valid, and this one before those that may wait, for a database for example: the log shows what the start waits for.
 */
@Module({})
export class LoggerModule {
  constructor(config: ConfigService<Environment, true>) {
    Logger.overrideLogger([config.get('LOG_LEVEL', { infer: true })]);
    Logger.flush();
  }
}
