import { randomInt } from 'node:crypto';
import { type Server, createServer } from 'node:net';

/**
 * These are below the ports that Linux gives to outgoing connections (32768 to 60999). A client of the load could take one
 * of those before the program binds it.
 */
const FIRST = 20_000;
const LAST = 32_000;

/** Some ports that are free on every interface. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(FIRST, LAST);
    const server = await listen(port).catch(() => undefined);
    if (!server) continue;
    await close(server);
    ports.add(port);
  }
  return [...ports];
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** Takes a free port on every interface, until it is closed. */
export async function takePort(): Promise<{ port: number; release: () => Promise<void> }> {
  const port = await freePort();
  const server = await listen(port);
  return { port, release: () => close(server) };
}

/** Listens on every interface, in IPv6 and IPv4, or in IPv4 where there is no IPv6. */
function listen(port: number): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', fail).listen({ port, exclusive: true }, () => done(server));
  });
}

async function close(server: Server): Promise<void> {
  await new Promise((done) => server.close(done));
}
