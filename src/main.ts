import { onTermination } from './termination.js'; // first, to hear a signal from the first moment on
import './working-directory.js';
import 'reflect-metadata';
import { setImmediate } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { Drain } from './drain/drain.js';
import type { Environment } from './environment.js';
import { JsonAdapter } from './http-server/json-adapter.js';
import { StdoutLogger } from './logger.js';
import { PortBinding } from './port-binding/port-binding.js';
import { Refusal } from './refusal.js';

async function start(): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, new JsonAdapter(), {
    logger: new StdoutLogger(),
    // Nothing is logged before the environment is known to be good, see LoggerModule: a refusal is the only line there is.
    bufferLogs: true,
    autoFlushLogs: false,
    abortOnError: false,
  });
  const config = app.get<ConfigService<Environment, true>>(ConfigService);

  await app.init();
  // A signal that came meanwhile ends the process here, before the port opens. Twice, as only the second is sure to
  // come after the event loop has looked for signals.
  await setImmediate();
  await setImmediate();

  const bound = await app
    .get(PortBinding)
    .bind(config.get('PORT', { infer: true }), config.get('HOST', { infer: true }));
  Logger.log(`Listening on port ${bound.port}`, { ...bound }, PortBinding.name);

  const drain = app.get(Drain);
  onTermination(
    async (signal) => {
      drain.begin(signal);
      await app.close();
      process.exit(drain.end() ? 0 : 1);
    },
    (signal) => drain.abandon(`${signal} again: ended at once`),
  );
}

/** A refusal is for the person who runs the service, everything else for the one who programs it. */
function fail(error: unknown): never {
  if (error instanceof Refusal) {
    process.stderr.write(`${error.message}\n`);
  } else {
    Logger.flush(); // what was held back until here
    Logger.fatal(error);
  }
  process.exit(1);
}

process.on('uncaughtException', fail); // a rejected promise that nobody handles arrives here too
start().catch(fail);
