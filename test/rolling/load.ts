import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

interface Target {
  host: string;
  port: number;
}

/** What one client does over and over. */
interface Kind {
  method: 'GET' | 'HEAD' | 'POST';
  path?: string;
  body?: Buffer;
  type?: string;
  /** Without a length, in chunks. */
  chunked?: boolean;
  /** Asks first whether to send it. */
  expect?: boolean;
  /** Takes a second of what has no end. */
  events?: boolean;
  /** How long the client takes to send the body, in milliseconds. */
  slowness?: number;
  keepAlive: boolean;
  /** The status that this service, and no balancer in its place, answers. */
  status: number;
}

const JSON_BODY = { body: Buffer.from(JSON.stringify({ text: 'x'.repeat(2000) })), type: 'application/json' };

// No parser reads this one. The answer comes at once, while nearly all of the body is yet to be sent.
const UPLOAD = { body: Buffer.alloc(1_000_000, 1), type: 'application/octet-stream', slowness: 100 };

// The service has nothing to POST to: its own 405 is the answer to have.
const MIX: Kind[] = [
  ...times(6, { method: 'GET', keepAlive: true, status: 200 }),
  ...times(2, { method: 'GET', keepAlive: false, status: 200 }),
  ...times(4, { method: 'POST', ...JSON_BODY, keepAlive: true, status: 405 }),
  ...times(2, { method: 'POST', ...JSON_BODY, keepAlive: false, status: 405 }),
  ...times(4, { method: 'POST', ...JSON_BODY, slowness: 500, keepAlive: true, status: 405 }),
  ...times(2, { method: 'GET', ...JSON_BODY, slowness: 500, keepAlive: false, status: 200 }),
  ...[true, false].map((keepAlive): Kind => ({ method: 'GET', path: '/delay/0.5', keepAlive, status: 200 })),
  ...[true, false].map((keepAlive): Kind => ({ method: 'HEAD', keepAlive, status: 200 })),
  { method: 'POST', ...JSON_BODY, expect: true, keepAlive: true, status: 405 },
  { method: 'POST', ...JSON_BODY, expect: true, keepAlive: false, status: 405 },
  ...[true, false].flatMap((keepAlive) =>
    [true, false].flatMap((chunked) => times(2, { method: 'POST', ...UPLOAD, chunked, keepAlive, status: 405 })),
  ),
];

const EVENTS: Kind = { method: 'GET', events: true, keepAlive: false, status: 200 };

function times(count: number, kind: Kind): Kind[] {
  return Array.from({ length: count }, () => kind);
}

/**
 * How long a client waits between an answer and its next request, in milliseconds: at full speed the load takes the
 * processors from the instances that start and from the checks of the balancer, and no deploy is rolled on such a machine.
 */
const PAUSE = 20;

export interface LoadOptions {
  /** Where the service is, if not here. */
  host?: string | undefined;
  /** Where it sends events without an end, if it does. */
  events?: string | undefined;
  /** Clients more, who ask and send nothing. */
  more?: number | undefined;
}

/** A steady mixed load: each of the clients above sends one request after another until it is told to stop. */
export class Load {
  sent = 0;
  answered = 0;
  /** How often requests were lost, by what came in place of the answer. */
  readonly losses = new Map<string, number>();
  /** How many of the lost a balancer could have repeated: it has all of them, none of an answer, and they change nothing. */
  lostRepeatable = 0;

  private stopping = false;
  private readonly running: Promise<void>[];

  private readonly target: Target;

  constructor(port: number, { host = '127.0.0.1', events, more = 0 }: LoadOptions = {}) {
    this.target = { host, port };
    const streams = events === undefined ? [] : times(2, { ...EVENTS, path: events });
    const others = times(more, { method: 'GET', keepAlive: true, status: 200 });
    this.running = [...MIX, ...streams, ...others].map((kind) => this.client(kind));
  }

  /** How many there are, and so requests at a time. */
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
        const what = kind.type === UPLOAD.type ? `${outcome} to an upload` : String(outcome);
        this.losses.set(what, (this.losses.get(what) ?? 0) + 1);
        if (kind.method !== 'POST' && !kind.body && !kind.events) this.lostRepeatable++;
      }
      await delay(PAUSE);
    }
    if (agent) agent.destroy();
  }
}

/** Sends one request of a kind, and gives the status of its answer once that has come in whole; fails if it does not. */
export async function send({ host, port }: Target, kind: Kind, agent: Agent | false): Promise<number> {
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
          // Whoever has taken what they wanted goes, if the service has not ended it before.
          setTimeout(() => {
            done(response.statusCode!);
            outgoing.destroy();
          }, 1000);
        }
      },
    );
    outgoing.on('error', fail);
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
