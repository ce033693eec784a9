import './node-version.js'; // first, because the rest may not run on an older one
import { StartupError } from 'port-binding'; // early, to hear a signal from the first moment on
import './working-directory.js';
import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { serve } from 'port-binding/nest';
import { AppModule } from './app.module.js';
import { type Environment, inheritedSocket } from './environment.js';
import { isHealth } from './health/paths.js';
import { JsonAdapter } from './http/json-adapter.js';
import { StdoutLogger } from './logger/stdout-logger.js';

// Without a listener, Node opens the debugger's port at this signal. `--disable-sigusr1` prevents it too, but not on Node 20.
process.on('SIGUSR1', () => undefined);

async function start(): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, new JsonAdapter(), {
    logger: new StdoutLogger(),
    // Nothing is logged before the environment is known to be good, see LoggerModule: a refusal is the only line there is.
    bufferLogs: true,
    autoFlushLogs: false,
    abortOnError: false,
  });
  const config = app.get<ConfigService<Environment, true>>(ConfigService);

  const bound = await serve(app, {
    port: config.get('PORT', { infer: true }),
    host: config.get('HOST', { infer: true }),
    fd: inheritedSocket(),
    drainDelayMs: config.get('DRAIN_DELAY_MS', { infer: true }),
    shutdownTimeoutMs: config.get('SHUTDOWN_TIMEOUT_MS', { infer: true }),
    bounds: { maxConnections: config.get('MAX_CONNECTIONS', { infer: true }), isProbe: isHealth },
  });
  Logger.log(`Listening on port ${bound.port}`, { ...bound }, 'PortBinding');
  process.send?.('ready'); // PM2 waits for this, see deploy/pm2.
}

/** A refusal is for the person who runs the service, everything else for the one who programs it. */
function fail(error: unknown): never {
  if (error instanceof StartupError) {
    process.stderr.write(`${error.message}\n`);
  } else {
    Logger.flush(); // what was held back until here
    Logger.error(error); // not `fatal`, which other loggers lack
  }
  process.exit(1);
}

process.on('uncaughtException', fail); // a rejected promise that nobody handles arrives here too
start().catch(fail);
