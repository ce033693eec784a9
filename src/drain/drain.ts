import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { HttpAdapterHost } from '@nestjs/core';
import type { Environment } from '../environment.js';
import type { TerminationSignal } from '../termination.js';

/**
 * The end of an instance without a lost request: go on serving while the balancers notice that it is not ready, stop
 * accepting, answer what is in flight
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination).
 */
@Injectable()
export class Drain implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Drain.name);
  /** The answers that each open connection still waits for, in the order of their requests. */
  private readonly connections = new Map<Socket, ServerResponse[]>();
  private beganAt = NaN;
  private drainDelay = 0;
  private deadline: NodeJS.Timeout | undefined;
  private stopped = false;
  private answered = 0;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly config: ConfigService<Environment, true>,
  ) {}

  /** True from the signal on: balancers should take this instance out, while it still answers whoever comes. */
  get draining(): boolean {
    return !Number.isNaN(this.beganAt);
  }

  onModuleInit(): void {
    const server = this.server;
    server.keepAliveTimeout = this.config.get('KEEP_ALIVE_TIMEOUT_MS', { infer: true });
    // A request arrives whole within these times or its connection is closed (408), however slowly it trickles: 10 s
    // for a header is generous, and 30 s is when a router in front gives up (Heroku's H12).
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    server.on('connection', (socket) => {
      this.connections.set(socket, []);
      socket.once('close', () => this.connections.delete(socket));
    });
    // Before the application's own listener, as that may answer at once.
    server.prependListener('request', (request, response) => this.track(request, response));
  }

  /**
   * Begins to drain: not ready, and `Connection: close` on every answer from now on, so that kept-alive clients move
   * to another instance. Ends the process with status 1 when not all is done within the shutdown timeout.
   */
  begin(signal: TerminationSignal): void {
    // Ctrl-C comes from a person who waits, not from a platform whose balancers have to notice.
    this.drainDelay = signal === 'SIGINT' ? 0 : this.config.get('DRAIN_DELAY_MS', { infer: true });
    this.beganAt = performance.now();
    this.logger.log(`${signal}: draining`, { drainDelayMs: this.drainDelay, inFlight: this.inFlight });
    for (const answers of this.connections.values()) {
      announceClose(answers);
    }
    this.deadline = setTimeout(() => this.giveUp(), this.config.get('SHUTDOWN_TIMEOUT_MS', { infer: true }));
  }

  /** Resolves when the drain delay is over, the port closed, and the last answer out. */
  async complete(): Promise<void> {
    this.beganAt ||= performance.now(); // closed by the program itself, without a signal
    await delay(this.drainDelay);
    this.stopped = true;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.logger.log('Stopped accepting connections', { afterMs: this.elapsed, inFlight: this.inFlight });
    for (const [socket, answers] of this.connections) {
      closeIfIdle(socket, answers);
    }
    await closed;
    this.logger.log('Done: every request is answered', { afterMs: this.elapsed, answered: this.answered });
  }

  /** The deadline holds for the hooks of the other modules too, until the last phase of the shutdown. */
  onApplicationShutdown(): void {
    clearTimeout(this.deadline);
  }

  private track({ socket }: IncomingMessage, response: ServerResponse): void {
    const answers = this.connections.get(socket) ?? [];
    answers.push(response);
    response.once('close', () => {
      answers.splice(answers.indexOf(response), 1);
      if (this.draining) this.answered += Number(response.writableFinished);
      if (this.stopped) closeIfIdle(socket, answers);
    });
    if (this.draining) announceClose(answers);
  }

  private giveUp(): never {
    const inFlight = this.inFlight;
    this.logger.error(`Shutdown timeout, requests cut off: ${inFlight}`, { afterMs: this.elapsed, inFlight });
    process.exit(1);
  }

  private get inFlight(): number {
    return [...this.connections.values()].reduce((sum, answers) => sum + answers.length, 0);
  }

  private get elapsed(): number {
    return Math.round(performance.now() - this.beganAt);
  }

  private get server(): Server {
    return this.adapterHost.httpAdapter.getHttpServer();
  }
}

/**
 * Only the newest answer on a connection says so: Node closes the connection behind the answer that does, and would
 * drop those to the requests pipelined after it.
 */
function announceClose(answers: ServerResponse[]): void {
  const newest = answers.at(-1);
  for (const answer of answers.filter(({ headersSent }) => !headersSent)) {
    if (answer === newest) {
      answer.setHeader('Connection', 'close');
    } else {
      answer.removeHeader('Connection');
    }
  }
}

/** A connection without a whole request, be it idle or halfway through a header, has no answer to wait for. */
function closeIfIdle(socket: Socket, answers: ServerResponse[]): void {
  if (answers.length === 0) {
    socket.destroySoon();
  }
}
