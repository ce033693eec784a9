import { Logger, Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Environment } from '../environment.js';

/**
 * Writes the lines that Nest has buffered so far, at the requested level. Nest creates this module once the environment is
 * valid. It comes before modules that may wait for a database, so the log shows what the start waits for.
 */
@Module({})
export class LoggerModule {
  constructor(config: ConfigService<Environment, true>) {
    Logger.overrideLogger([config.get('LOG_LEVEL', { infer: true })]);
    Logger.flush();
  }
}
