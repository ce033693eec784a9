import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** What one client does over and over. */
interface Kind {
  method: 'GET' | 'POST';
  body?: string;
  /** How long the client takes to send the body, in milliseconds. */
  slowness?: number;
  keepAlive: boolean;
  /** The status that this service, and no balancer in its place, answers. */
  status: number;
}

const BODY = JSON.stringify({ text: 'x'.repeat(2000) });

// The service has nothing to POST to: its own 404 is the answer to have, as it is given after the body is read whole.
const MIX: Kind[] = [
  ...Array.from({ length: 6 }, (): Kind => ({ method: 'GET', keepAlive: true, status: 200 })),
  ...Array.from({ length: 2 }, (): Kind => ({ method: 'GET', keepAlive: false, status: 200 })),
  ...Array.from({ length: 4 }, (): Kind => ({ method: 'POST', body: BODY, keepAlive: true, status: 404 })),
  ...Array.from({ length: 2 }, (): Kind => ({ method: 'POST', body: BODY, keepAlive: false, status: 404 })),
  ...Array.from({ length: 4 }, (): Kind => ({
    method: 'POST',
    body: BODY,
    slowness: 500,
    keepAlive: true,
    status: 404,
  })),
  ...Array.from({ length: 2 }, (): Kind => ({
    method: 'GET',
    body: BODY,
    slowness: 500,
    keepAlive: false,
    status: 200,
  })),
];

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
        await delay(10);
      }
    }
  }

  private async send({ method, body, slowness = 0, keepAlive }: Kind): Promise<number> {
    return new Promise((done, fail) => {
      const outgoing = request(
        {
          port: this.port,
          host: this.host,
          path: '/',
          method,
          agent: keepAlive ? this.agent : false,
          headers: body ? { 'Content-Type': 'application/json', 'Content-Length': body.length } : {},
        },
        (response) => {
          response.on('error', fail);
          response.on('end', () => done(response.complete ? response.statusCode! : 0));
          response.resume();
        },
      );
      outgoing.on('error', fail);
      if (slowness > 0) {
        outgoing.write(body!.slice(0, 1000));
        setTimeout(() => outgoing.end(body!.slice(1000)), slowness);
      } else {
        outgoing.end(body);
      }
    });
  }
}
