import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { accepts, ask } from './client.js';
import type { Endpoint } from './program.js';

export interface Checks {
  /** The readiness path; without one, a connection that is accepted counts as ready. */
  ready?: string | undefined;
  intervalMs: number;
  /** How many checks in a row must fail before an instance gets no more connections. */
  threshold: number;
}

/** An instance in the balancer. */
interface Backend {
  endpoint: Endpoint;
  ready: boolean;
  failures: number;
  timer: NodeJS.Timeout | undefined;
  onReady: () => void;
}

/** A check without an answer by then has failed. It is long, because a busy machine is no fault of the service. */
const CHECK_TIMEOUT_MS = 5000;

/**
 * A balancer for TCP connections: it accepts, passes each to the next instance that is ready, and forwards bytes. It learns
 * from its checks alone which instances are ready, and does not repeat what an instance refuses.
 */
export class Balancer {
  /** Connections that no instance took. */
  refused = 0;

  private readonly backends = new Set<Backend>();
  private readonly open = new Set<Socket>();
  private turn = 0;

  private constructor(
    private readonly server: Server,
    private readonly checks: Checks,
  ) {}

  static async start(checks: Checks): Promise<Balancer> {
    // Halves of a connection end one by one: a client may say that it has sent everything and still wait for its answer.
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const balancer = new Balancer(server, checks);
    server.on('connection', (client) => balancer.forward(client));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return balancer;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Adds an instance, and waits until a check has passed. */
  async join(endpoint: Endpoint): Promise<void> {
    await new Promise<void>((onReady) => {
      const backend: Backend = { endpoint, ready: false, failures: 0, timer: undefined, onReady };
      this.backends.add(backend);
      void this.check(backend);
    });
  }

  /** Forgets an instance that has ended. */
  remove({ port }: Endpoint): void {
    for (const backend of this.backends) {
      if (backend.endpoint.port === port) {
        this.backends.delete(backend);
        clearTimeout(backend.timer);
      }
    }
  }

  stop(): void {
    for (const { endpoint } of this.backends) this.remove(endpoint);
    this.server.close();
    for (const socket of this.open) socket.destroy();
  }

  private async check(backend: Backend): Promise<void> {
    const began = performance.now();
    const passed = await isReady(backend.endpoint, this.checks.ready);
    if (!this.backends.has(backend)) return;
    backend.failures = passed ? 0 : backend.failures + 1;
    if (passed && !backend.ready) {
      backend.ready = true;
      backend.onReady();
    } else if (backend.failures >= this.checks.threshold) {
      backend.ready = false;
    }
    const pause = Math.max(0, this.checks.intervalMs - (performance.now() - began));
    backend.timer = setTimeout(() => void this.check(backend), pause);
  }

  private forward(client: Socket): void {
    const ready = [...this.backends].filter((backend) => backend.ready);
    const backend = ready[this.turn++ % ready.length];
    if (!backend) {
      this.refused++;
      client.on('error', ignore).destroy();
      return;
    }
    const instance = connect({ ...backend.endpoint, allowHalfOpen: true, noDelay: true });
    let connected = false;
    instance.once('connect', () => (connected = true));
    for (const [from, to] of [
      [client, instance],
      [instance, client],
    ] as const) {
      this.open.add(from);
      from.pipe(to);
      from.on('error', ignore);
      from.once('close', () => {
        this.open.delete(from);
        // Sends first what the other side has yet to read.
        to.destroySoon();
      });
    }
    instance.once('error', () => {
      if (!connected) this.refused++;
    });
  }
}

/** One check, on a connection of its own. */
export async function isReady(endpoint: Endpoint, path: string | undefined): Promise<boolean> {
  if (path === undefined) return accepts(endpoint);
  return ask(endpoint, path, { timeoutMs: CHECK_TIMEOUT_MS }).then(
    ({ status }) => status >= 200 && status < 400,
    () => false,
  );
}

function ignore(): void {}
