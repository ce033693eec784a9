import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Environment } from '../environment.js';
import { HttpServer } from '../http-server/http-server.js';
import type { TerminationSignal } from '../termination.js';

/** What Nest's shutdown hooks get when nothing is left to be cut off, but the time is up. */
const HOOKS_MS = 250;

/** Of an instance, in their order. */
export const PHASES = ['serving', 'draining', 'closing', 'closed'] as const;

/**
 * The end of an instance without a lost request: go on serving while the balancers notice that it is not ready, stop
 * accepting, answer what is in flight
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination).
 */
@Injectable()
export class Drain {
  phase: (typeof PHASES)[number] = 'serving';

  private readonly logger = new Logger(Drain.name);
  private readonly portClosed = new AbortController();
  private drainDelay = 0;
  private beganAt = 0;
  private answeredBefore = 0;
  private deadline: NodeJS.Timeout | undefined;

  constructor(
    private readonly httpServer: HttpServer,
    private readonly config: ConfigService<Environment, true>,
  ) {
    setMaxListeners(Infinity, this.closing); // Each open stream is one. From eleven on, Node 20 would warn of a leak.
  }

  /** Aborted when the port closes. Whoever answers without an end, with a stream or on a socket, ends it then. */
  get closing(): AbortSignal {
    return this.portClosed.signal;
  }

  /**
   * Begins to drain: not ready, and `Connection: close` on every answer from now on, so that kept-alive clients move
   * to another instance. Ends the process with status 1 when not all is done within the shutdown timeout.
   */
  begin(signal: TerminationSignal): void {
    // Ctrl-C comes from a person who waits, not from a platform whose balancers have to notice.
    this.drainDelay = signal === 'SIGTERM' ? this.config.get('DRAIN_DELAY_MS', { infer: true }) : 0;
    this.enterDraining();
    const { inFlight } = this.connections;
    this.logger.log(`${signal}: draining`, { drainDelayMs: this.drainDelay, inFlight });
    this.deadline = setTimeout(() => this.expire(), this.shutdownTimeout);
  }

  /** Resolves when the drain delay is over, the port closed, and the last answer out. */
  async run(): Promise<void> {
    const { connections } = this;
    if (this.phase === 'serving') this.enterDraining(); // closed by the program itself, without a signal
    await delay(this.drainDelay);
    await this.settled();

    this.phase = 'closing';
    this.httpServer.closePort();
    this.portClosed.abort();
    this.logger.log('Stopped accepting connections', { afterMs: this.elapsed, inFlight: connections.inFlight });
    await this.settled();
    connections.closeWhenIdle();
    await connections.idle();
    await this.settled();

    this.phase = 'closed';
  }

  /**
   * All is closed, by the hooks of every module too. Until then the shutdown timeout holds, and a connection that
   * lingers may bring one more request.
   *
   * @returns whether every request was answered
   */
  end(): boolean {
    clearTimeout(this.deadline);
    const { answered, unanswered } = this.connections;
    const result = { afterMs: this.elapsed, answered: answered - this.answeredBefore };
    if (unanswered === 0) {
      this.logger.log('Done: every request is answered', result);
    } else {
      this.logger.warn('Done, but for requests pipelined behind a Connection: close', { ...result, unanswered });
    }
    return unanswered === 0;
  }

  /** Ends the process with status 1, whatever is in flight. */
  abandon(reason: string): never {
    const { inFlight, halfway, upgraded } = this.connections;
    const counts = {
      'unanswered requests': inFlight - halfway,
      'unfinished answers': halfway,
      'upgraded connections': upgraded,
    };
    const cut = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? `${what} (${count})` : []));
    this.connections.endUnfinished();
    this.logger.error(`${reason}, cut off: ${cut.join(', ') || 'shutdown hooks'}`, { afterMs: this.elapsed, inFlight });
    process.exit(1);
  }

  /** The shutdown timeout is for what is in flight. Where that is nothing, it is the end of what lingers. */
  private expire(): void {
    if (this.connections.inFlight > 0 || this.connections.upgraded > 0) this.abandon('Shutdown timeout');
    this.connections.destroy();
    this.deadline = setTimeout(() => this.abandon('Shutdown timeout'), HOOKS_MS);
  }

  private enterDraining(): void {
    this.phase = 'draining';
    this.beganAt = performance.now();
    this.answeredBefore = this.connections.answered;
    this.connections.announceClose();
  }

  /** On a busy machine each look takes long. Half of the time that is left is for those that it finds. */
  private async settled(): Promise<void> {
    await this.connections.settled((this.shutdownTimeout - this.elapsed) / 2);
  }

  private get shutdownTimeout(): number {
    return this.config.get('SHUTDOWN_TIMEOUT_MS', { infer: true });
  }

  private get elapsed(): number {
    return Math.round(performance.now() - this.beganAt);
  }

  private get connections() {
    return this.httpServer.connections;
  }
}
