import cluster from 'node:cluster';
import { once, setMaxListeners } from 'node:events';
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connections } from '../connections/connections.js';
import type { ListenOptions } from '../listen.js';
import type { TerminationSignal } from '../signals.js';

export interface DrainOptions {
  /**
   * How long to go on serving after SIGTERM, in milliseconds, while balancers notice that the instance is not ready. By
   * default 5,000: two checks of a balancer that asks every 2 s, and a second for the answers.
   */
  drainDelayMs?: number | undefined;
  /**
   * When to cut off what is not answered yet, in milliseconds from the signal. By default 9,000: Docker and Cloud Run
   * kill after ten seconds.
   */
  shutdownTimeoutMs?: number | undefined;
  /** Where the drain is logged. By default, the console. */
  logger?: Pick<Console, 'log' | 'warn' | 'error'> | undefined;
  /** Closes what the requests needed, such as a database. Called when the last response is out. */
  close?: (() => unknown) | undefined;
}

/** The phases of an instance, in their order. */
export const PHASES = ['serving', 'draining', 'closing', 'closed'] as const;

/** How long to look for requests that the kernel holds after the shutdown timeout, in milliseconds. */
const LAST_LOOK_MS = 250;

/** How long `close` may take after the shutdown timeout, in milliseconds. */
const CLOSE_MS = 250;

/**
 * Ends an instance without a lost request. It goes on serving while balancers notice that it is not ready. Then it closes the
 * port, and answers what is in flight
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination).
 */
export class Drain {
  phase: (typeof PHASES)[number] = 'serving';

  private readonly portClosed = new AbortController();
  private server: Server | undefined;
  private drainDelayMs = 5000;
  private shutdownTimeoutMs = 9000;
  private logger: NonNullable<DrainOptions['logger']> = console;
  private close: () => unknown = () => undefined;

  private beganAt = 0;
  private answeredBefore = 0;
  private deadline: NodeJS.Timeout | undefined;
  private drained: Promise<void> | undefined;
  /** Resolves when every connection is closed. */
  private serverClosed: Promise<void> | undefined;
  /** Another process keeps the socket, too: connections that this one has not accepted wait for the other. */
  private portStaysOpen = false;
  /** Connections still arrived when the port closed: the kernel may have reset some. */
  private closedOnArrivals = false;

  constructor(private readonly connections: Connections) {
    setMaxListeners(Infinity, this.closing); // Each open stream may listen. From eleven on, Node 20 would warn of a leak.
  }

  /** Aborted when the port closes. Responses without an end of their own, such as streams, end then. */
  get closing(): AbortSignal {
    return this.portClosed.signal;
  }

  /** Prepares the end of a server. */
  prepare(server: Server, options: DrainOptions & Pick<ListenOptions, 'fd'>): void {
    this.server = server;
    this.portStaysOpen = options.fd !== undefined || cluster.isWorker;
    this.drainDelayMs = options.drainDelayMs ?? this.drainDelayMs;
    this.shutdownTimeoutMs = options.shutdownTimeoutMs ?? this.shutdownTimeoutMs;
    this.logger = options.logger ?? this.logger;
    this.close = options.close ?? this.close;
    process.on('uncaughtExceptionMonitor', this.reportCutOff);
  }

  /** From the signal to the exit status. */
  async end(signal: TerminationSignal): Promise<never> {
    this.deadline = setTimeout(() => void this.expire(), this.shutdownTimeoutMs);
    // Ctrl-C comes from a person who waits, not from a platform whose balancers have to notice.
    await this.run(signal === 'SIGTERM' ? this.drainDelayMs : 0, signal);
    await this.close();
    // A connection lingers until its client has sent the rest of an upload: an exit before that would reset it.
    await this.serverClosed;
    await leaveCluster();
    clearTimeout(this.deadline);
    process.exit(this.conclude() ? 0 : 1);
  }

  /**
   * Drains: resolves when the drain delay is over, the port is closed, and the last response is out. A second call waits
   * for the first.
   *
   * @param drainDelayMs how long to go on serving, in milliseconds: none where no balancer has to notice
   */
  async run(drainDelayMs = 0, reason = 'close()'): Promise<void> {
    if (this.server === undefined) return; // Nothing was served.
    this.drained ??= this.drain(this.server, drainDelayMs, reason);
    await this.drained;
  }

  /** Ends the process with status 1, whatever is in flight. */
  abandon(reason: string): never {
    this.connections.endUnfinished();
    const { inFlight } = this.connections;
    this.logger.error(`${reason}, cut off: ${this.describeInFlight() || 'shutdown hooks'}`, {
      afterMs: this.elapsedMs,
      inFlight,
    });
    process.exit(1);
  }

  private async drain(server: Server, drainDelayMs: number, reason: string): Promise<void> {
    const { connections } = this;
    // After a signal, `end` has its own deadline. The program that closes the server goes on.
    const cutOff = this.deadline ?? setTimeout(() => this.cutOff(), this.shutdownTimeoutMs);
    this.phase = 'draining';
    this.beganAt = performance.now();
    this.answeredBefore = connections.answered;
    connections.announceClose();
    this.logger.log(`${reason}: draining`, { drainDelayMs, inFlight: connections.inFlight });
    await delay(drainDelayMs);

    this.closedOnArrivals = !this.portStaysOpen && !(await this.caughtUp());
    this.phase = 'closing';
    this.serverClosed = new Promise((closed) => server.close(() => closed()));
    this.portClosed.abort();
    this.logger.log('Stopped accepting connections', { afterMs: this.elapsedMs, inFlight: connections.inFlight });

    await connections.firstRequests(this.lookMs);
    await this.caughtUp();
    connections.closeWhenIdle();
    await connections.idle();
    await this.caughtUp(); // A connection that lingers may bring one more request.
    if (cutOff !== this.deadline) clearTimeout(cutOff);
    this.phase = 'closed';
  }

  /** @returns whether every request was answered */
  private conclude(): boolean {
    const { answered, unanswered } = this.connections;
    const result = { afterMs: this.elapsedMs, answered: answered - this.answeredBefore };
    if (unanswered > 0) {
      this.logger.warn('Done, but for requests pipelined behind a Connection: close', { ...result, unanswered });
    } else if (this.closedOnArrivals) {
      this.logger.warn('Done, but connections still arrived when the port closed: some may have been reset', result);
    } else {
      this.logger.log('Done: every request is answered', result);
      return true;
    }
    return false;
  }

  /** The shutdown timeout is for requests in flight. Connections that merely linger are closed without a word. */
  private async expire(): Promise<void> {
    const { connections } = this;
    // A process that was suspended wakes up with its time over, and with requests that it has not seen yet.
    const look = delay(LAST_LOOK_MS);
    await connections.caughtUp(LAST_LOOK_MS);
    await Promise.race([look, connections.idle()]);
    if (connections.inFlight > 0 || connections.upgraded > 0) this.abandon('Shutdown timeout');
    connections.destroy();
    this.deadline = setTimeout(() => this.abandon('Shutdown timeout'), CLOSE_MS);
  }

  private cutOff(): void {
    this.logger.error(`Shutdown timeout, cut off: ${this.describeInFlight()}`, { afterMs: this.elapsedMs });
    this.connections.endUnfinished();
    this.connections.destroy(); // A later exit status is 1, because these requests are unanswered.
  }

  private caughtUp(): Promise<boolean> {
    return this.connections.caughtUp(this.lookMs);
  }

  /** Half of the time that is left is for what arrives while the drain looks; the other half is for its responses. */
  private get lookMs(): number {
    return Math.max((this.shutdownTimeoutMs - this.elapsedMs) / 2, LAST_LOOK_MS);
  }

  private readonly reportCutOff = (): void => {
    const cutOff = this.describeInFlight();
    this.connections.endUnfinished();
    if (cutOff !== '') this.logger.error(`Uncaught error, cut off: ${cutOff}`, { inFlight: this.connections.inFlight });
  };

  private describeInFlight(): string {
    const { inFlight, started, upgraded } = this.connections;
    const counts = {
      'unanswered requests': inFlight - started,
      'unfinished responses': started,
      'upgraded connections': upgraded,
    };
    return Object.entries(counts)
      .flatMap(([what, count]) => (count > 0 ? `${what} (${count})` : []))
      .join(', ');
  }

  private get elapsedMs(): number {
    return Math.round(performance.now() - this.beganAt);
  }
}

/** The primary may have sent connections that this process has not seen: it takes them back from who disconnects. */
async function leaveCluster(): Promise<void> {
  if (!cluster.isWorker || !process.connected) return;
  cluster.worker!.disconnect();
  await once(process, 'disconnect');
}
