import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface Target {
  host: string;
  port: number;
}

/** A kind of request, which one client repeats. */
export interface Kind {
  /** Names the kind in the losses, if they are to be told from others. */
  name?: string;
  method: 'GET' | 'HEAD' | 'POST';
  path?: string;
  body?: Buffer;
  type?: string;
  /** Sends the body in chunks, without a length. */
  chunked?: boolean;
  /** Asks first whether to send the body. */
  expect?: boolean;
  /** Takes one second of a response without an end. */
  events?: boolean;
  /** How long the client takes to send the body, in milliseconds. */
  slowness?: number;
  keepAlive: boolean;
  /** The status that this service answers, and no balancer in its place. */
  status: number;
}

/**
 * The time between an answer and the client's next request, in milliseconds. At full speed the load would take the
 * processors from the instances that start and from the checks of the balancer.
 */
const PAUSE = 20;

/** A request without an answer by then is lost: a load must end even when the service hangs. */
const PATIENCE = 60_000;

/** A steady load. Each client sends one request after another until the load is stopped. */
export class Load {
  sent = 0;
  answered = 0;
  /** How often requests were lost, by what came in place of the answer. */
  readonly losses = new Map<string, number>();
  /** How many of the lost a balancer could have repeated: it has all of them, none of an answer, and they change nothing. */
  lostRepeatable = 0;

  private stopping = false;
  private readonly running: Promise<void>[];

  constructor(
    private readonly target: Target,
    kinds: Kind[],
  ) {
    this.running = kinds.map((kind) => this.client(kind));
  }

  /** How many clients there are, and so requests at a time. */
  get clients(): number {
    return this.running.length;
  }

  get lost(): number {
    return [...this.losses.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Waits until so many requests have been sent. */
  async reach(count: number): Promise<void> {
    while (this.sent < count) await delay(20);
  }

  /** Lets every client finish its request and ends. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.running);
  }

  private async client(kind: Kind): Promise<void> {
    // A connection of its own: that of an upload may be cut off when nobody needs the rest of it.
    const agent = kind.keepAlive && new Agent({ keepAlive: true });
    while (!this.stopping) {
      this.sent++;
      const outcome = await send(this.target, kind, agent).catch(
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      if (outcome === kind.status) {
        this.answered++;
      } else {
        const what = kind.name === undefined ? String(outcome) : `${outcome} to ${kind.name}`;
        this.losses.set(what, (this.losses.get(what) ?? 0) + 1);
        if (kind.method !== 'POST' && !kind.body && !kind.events) this.lostRepeatable++;
      }
      await delay(PAUSE);
    }
    if (agent) agent.destroy();
  }
}

/** Sends one request of a kind, and gives the status of its answer once that has come in whole; fails if it does not. */
export async function send({ host, port }: Target, kind: Omit<Kind, 'status'>, agent: Agent | false): Promise<number> {
  const { method, path = '/', body, type, chunked = false, expect = false } = kind;
  const { events = false, slowness = 0 } = kind;
  return new Promise((done, fail) => {
    const outgoing = request(
      {
        host,
        port,
        path,
        method,
        agent,
        timeout: PATIENCE,
        headers: {
          ...(type !== undefined && { 'Content-Type': type }),
          ...(body && !chunked && { 'Content-Length': body.length }),
          ...(expect && { Expect: '100-continue' }),
        },
      },
      (response) => {
        response.on('error', fail);
        response.on('end', () => done(response.complete ? response.statusCode! : 0));
        response.resume();
        if (events) {
          // A client that has taken what it wanted closes the connection, if the service has not ended it before.
          setTimeout(() => {
            done(response.statusCode!);
            outgoing.destroy();
          }, 1000);
        }
      },
    );
    outgoing.on('error', fail);
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
    // Node 20's client leaves a connection without a listener when the answer was complete and writing the body fails then.
    outgoing.on('socket', (socket) => socket.off('error', ignore).on('error', ignore));
    if (expect) {
      outgoing.flushHeaders();
      // Caddy sends two of them: its own, and that of the service.
      outgoing.once('continue', () => outgoing.end(body));
    } else if (body && slowness > 0) {
      outgoing.write(body.subarray(0, 1000));
      setTimeout(() => outgoing.end(body.subarray(1000)), slowness);
    } else {
      outgoing.end(body);
    }
  });
}

function ignore(): void {}
