import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** What one client does over and over. */
interface Kind {
  method: 'GET' | 'POST';
  path?: string;
  body?: Buffer;
  type?: string;
  /** Without a length, in chunks. */
  chunked?: boolean;
  /** How long the client takes to send the body, in milliseconds. */
  slowness?: number;
  keepAlive: boolean;
  /** The status that this service, and no balancer in its place, answers. */
  status: number;
}

const JSON_BODY = { body: Buffer.from(JSON.stringify({ text: 'x'.repeat(2000) })), type: 'application/json' };

// No parser reads this one. The answer comes at once, while nearly all of the body is yet to be sent.
const UPLOAD = { body: Buffer.alloc(1_000_000, 1), type: 'application/octet-stream', slowness: 100 };

// The service has nothing to POST to: its own 404 is the answer to have.
const MIX: Kind[] = [
  ...times(6, { method: 'GET', keepAlive: true, status: 200 }),
  ...times(2, { method: 'GET', keepAlive: false, status: 200 }),
  ...times(4, { method: 'POST', ...JSON_BODY, keepAlive: true, status: 404 }),
  ...times(2, { method: 'POST', ...JSON_BODY, keepAlive: false, status: 404 }),
  ...times(4, { method: 'POST', ...JSON_BODY, slowness: 500, keepAlive: true, status: 404 }),
  ...times(2, { method: 'GET', ...JSON_BODY, slowness: 500, keepAlive: false, status: 200 }),
  ...[true, false].map((keepAlive): Kind => ({ method: 'GET', path: '/delay/0.5', keepAlive, status: 200 })),
  ...[true, false].flatMap((keepAlive) =>
    [true, false].flatMap((chunked) => times(2, { method: 'POST', ...UPLOAD, chunked, keepAlive, status: 404 })),
  ),
];

function times(count: number, kind: Kind): Kind[] {
  return Array.from({ length: count }, () => kind);
}

/**
 * How long a client waits between an answer and its next request, in milliseconds: at full speed the load takes the
 * processors from the instances that start and from the checks of the balancer, and no deploy is rolled on such a machine.
 */
const PAUSE = 20;

/** A steady mixed load: each of the clients above sends one request after another until it is told to stop. */
export class Load {
  sent = 0;
  answered = 0;
  /** How often requests were lost, by what came in place of the answer. */
  readonly losses = new Map<string, number>();

  private stopping = false;
  private readonly agent = new Agent({ keepAlive: true });
  private readonly clients: Promise<void>[];

  constructor(
    private readonly port: number,
    private readonly host = '127.0.0.1',
  ) {
    this.clients = MIX.map((kind) => this.client(kind));
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
    await Promise.all(this.clients);
    this.agent.destroy();
  }

  private async client(kind: Kind): Promise<void> {
    while (!this.stopping) {
      this.sent++;
      const outcome = await this.send(kind).catch((error: NodeJS.ErrnoException) => error.code ?? error.message);
      if (outcome === kind.status) {
        this.answered++;
      } else {
        this.losses.set(String(outcome), (this.losses.get(String(outcome)) ?? 0) + 1);
      }
      await delay(PAUSE);
    }
  }

  private async send({
    method,
    path = '/',
    body,
    type,
    chunked = false,
    slowness = 0,
    keepAlive,
  }: Kind): Promise<number> {
    return new Promise((done, fail) => {
      const outgoing = request(
        {
          port: this.port,
          host: this.host,
          path,
          method,
          agent: keepAlive ? this.agent : false,
          headers: {
            ...(type !== undefined && { 'Content-Type': type }),
            ...(body && !chunked && { 'Content-Length': body.length }),
          },
        },
        (response) => {
          response.on('error', fail);
          response.on('end', () => done(response.complete ? response.statusCode! : 0));
          response.resume();
        },
      );
      outgoing.on('error', fail);
      if (body && slowness > 0) {
        outgoing.write(body.subarray(0, 1000));
        setTimeout(() => outgoing.end(body.subarray(1000)), slowness);
      } else {
        outgoing.end(body);
      }
    });
  }
}
