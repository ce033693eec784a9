import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Connection, get } from '../support/connection.js';
import { buildFork, describeWithForks } from '../support/fork.js';
import { start } from '../support/service.js';

const ENDED_WELL = { code: 0, signal: null };
const ENDED_BADLY = { code: 1, signal: null };
const DONE = { level: 'info', message: 'Done: every request is answered' };

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** A short drain, where it is not the point. */
const BRIEF = { DRAIN_DELAY_MS: '200', SHUTDOWN_TIMEOUT_MS: '20000' };

let streams: string;

const forks = describeWithForks();

forks('a stream', () => {
  beforeAll(() => {
    ({ program: streams } = buildFork(['streams']));
  });

  it.each(SIGNALS)(
    'that ends with the signal of the drain ends whole on %s, and so does the program',
    async (signal) => {
      const { service, port } = await start(BRIEF, { program: streams });
      const client = await stream(port, '/streams/ticks');
      service.kill(signal);
      expect(await client.end).toBe('closed');
      expect(client.received).toMatch(/\r\n0\r\n\r\n$/); // the last chunk
      expect(await service.exit).toEqual(ENDED_WELL);
      expect(service.log.at(-1)).toMatchObject(DONE);
    },
  );

  it('goes on in the drain, and ends when the port closes', async () => {
    const { service, port } = await start({ ...BRIEF, DRAIN_DELAY_MS: '1000' }, { program: streams });
    const client = await stream(port, '/streams/ticks');
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);
    const { length } = client.received;
    while (client.received.length < length + 500) await client.more();
    expect(service.log.at(-1)).toMatchObject({ message: 'SIGTERM: draining' });
    expect(await client.end).toBe('closed');
    expect(await service.exit).toEqual(ENDED_WELL);
  });

  it('is answered as a long poll is, with what there is', async () => {
    const { service, port } = await start(BRIEF, { program: streams });
    const client = (await Connection.open(port)).send(get('/streams/poll'));
    await (await Connection.open(port)).request(get('/'));
    service.kill('SIGTERM');
    expect(await client.answers()).toMatchObject([{ status: 200, connection: 'close', body: '{"news":[]}' }]);
    expect(await service.exit).toEqual(ENDED_WELL);
  });

  it('that knows no end is cut off at the shutdown timeout, and the last line says so', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1000' }, { program: streams });
    const client = await stream(port, '/streams/endless');
    service.kill('SIGTERM');
    expect(await service.exit).toEqual(ENDED_BADLY);
    expect(await client.end).toMatch(/closed|ECONNRESET/);
    expect(service.log.at(-1)).toMatchObject({
      level: 'error',
      message: 'Shutdown timeout, cut off: unfinished responses (1)',
    });
  });

  it('of ten megabytes is not cut off when its client reads slowly', async () => {
    const { service, port } = await start(BRIEF, { program: streams });
    const client = (await Connection.open(port)).pause().send(get('/streams/large'));
    await (await Connection.open(port)).request(get('/'));
    service.kill('SIGTERM');
    expect(await service.logged(/^Stopped accepting/)).toMatchObject({ inFlight: 1 });
    client.resume();
    expect(await client.end).toBe('closed');
    expect(client.received.length).toBeGreaterThan(10_000_000);
    expect(await service.exit).toEqual(ENDED_WELL);
  });
});

forks('an upload', () => {
  it('is read to its end after the port has closed', async () => {
    const { service, port } = await start(BRIEF, { program: streams });
    const length = 3_000_000;
    const client = (await Connection.open(port)).send(
      `POST /streams/read HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\nx`,
    );
    await (await Connection.open(port)).request(get('/'));
    service.kill('SIGTERM');
    await service.logged(/^Stopped accepting/);
    client.send('x'.repeat(length - 1));
    expect(await client.answers()).toMatchObject([{ status: 201, connection: 'close', body: `{"bytes":${length}}` }]);
    expect(await service.exit).toEqual(ENDED_WELL);
  });

  it('whose handler ignores the body has its answer whole, although the client sends on', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '3000' }, { program: streams });
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);
    const length = 4_000_000;
    const client = (await Connection.open(port)).send(
      `POST /streams/ignored HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`,
    );
    expect(await client.answers()).toMatchObject([{ status: 201, connection: 'close', body: '{"ignored":true}' }]);
    expect(await client.end).toBe('closed');
    expect(await service.exit).toEqual(ENDED_WELL);
  });
});

forks('a shutdown hook', () => {
  it('that never ends is cut off at the shutdown timeout, and the last line says so', async () => {
    const { program } = buildFork(['stuck-hook']);
    const { service } = await start({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1000' }, { program });
    service.kill('SIGTERM');
    expect(await service.exit).toEqual(ENDED_BADLY);
    expect(service.log.at(-1)).toMatchObject({
      level: 'error',
      message: 'Shutdown timeout, cut off: shutdown hooks',
    });
  });
});

/** What the tests use of the clients' packages, which are those of the forks. */
interface WebSocketClient {
  on(event: string, listener: (...args: unknown[]) => void): this;
  send(text: string): void;
}
interface SocketIoClient {
  on(event: string, listener: (...args: unknown[]) => void): this;
  emitWithAck(event: string, data: unknown): Promise<unknown>;
  close(): void;
}

const require = createRequire(resolve('test/fork/package.json'));

forks('a WebSocket', () => {
  let program: string;

  beforeAll(() => {
    ({ program } = buildFork(['ws'], {
      lines: 'app.useWebSocketAdapter(new WsAdapter(app));',
      imports: "import { WsAdapter } from '@nestjs/platform-ws';\n",
    }));
  });

  it.each(SIGNALS)('is closed with 1001, Going Away, when the port closes (%s)', async (signal) => {
    const { service, port } = await start(BRIEF, { program });
    const sockets = await Promise.all([webSocket(port), webSocket(port), webSocket(port)]);
    service.kill(signal);
    expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual([1001, 1001, 1001]);
    expect(await service.exit).toEqual(ENDED_WELL);
    expect(service.log.at(-1)).toMatchObject({ ...DONE, answered: 0 });
  });
});

forks('an upgraded connection', () => {
  it('that nobody closes is cut off at the shutdown timeout, and the last line says so', async () => {
    const takeOver = `import { Server } from 'node:http';
      const { on } = Server.prototype;
      Server.prototype.on = function (event, listener) {
        if (event === 'request' && this.listenerCount('upgrade') === 0) {
          on.call(this, 'upgrade', (_, socket) => socket.write('HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n'));
        }
        return on.call(this, event, listener);
      };`;
    const { service, port } = await start(
      { DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1000' },
      { execArgv: ['--import', `data:text/javascript,${encodeURIComponent(takeOver)}`] },
    );
    const client = (await Connection.open(port)).send(
      'GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n',
    );
    await client.more();
    service.kill('SIGTERM');
    expect(await service.exit).toEqual(ENDED_BADLY);
    expect(service.log.at(-1)).toMatchObject({
      level: 'error',
      message: 'Shutdown timeout, cut off: upgraded connections (1)',
    });
  });
});

forks('socket.io', () => {
  let program: string;

  beforeAll(() => {
    ({ program } = buildFork(['socket.io']));
  });

  describe.each([['websocket'], ['polling']])('over %s', (transport) => {
    it.each(SIGNALS)('is told to go elsewhere when the port closes, and the program ends well (%s)', async (signal) => {
      const { io } = require('socket.io-client') as { io: (url: string, options: object) => SocketIoClient };
      const { service, port } = await start(BRIEF, { program });
      const client = io(`http://127.0.0.1:${port}`, { transports: [transport], reconnection: false });
      const gone = new Promise((done) => client.on('disconnect', done));
      await new Promise((done) => client.on('connect', done));
      expect(await client.emitWithAck('echo', 'hello')).toBe('hello');
      service.kill(signal);
      // A reason after which a client connects again by itself: https://socket.io/docs/v4/client-api/#event-disconnect
      expect(await gone).toBe('transport close');
      expect(await service.exit).toEqual(ENDED_WELL);
      expect(service.log.at(-1)).toMatchObject(DONE);
      client.close();
    });
  });
});

/** A client of a stream of which it has had a part. */
async function stream(port: number, path: string): Promise<Connection> {
  const client = (await Connection.open(port)).send(get(path));
  while (!client.received.includes('data: 2')) await client.more();
  return client;
}

/**
 * A WebSocket that works.
 *
 * @returns the code with which it is closed
 */
async function webSocket(port: number) {
  const Client = require('ws') as new (url: string) => WebSocketClient;
  const client = new Client(`ws://127.0.0.1:${port}/ws`);
  const closed = new Promise((done) => client.on('close', done)); // with the code
  await new Promise((done) => client.on('open', done));
  client.send('{"event":"echo","data":"hello"}');
  const [echo] = await new Promise<unknown[]>((done) => client.on('message', (...args) => done(args)));
  expect(String(echo)).toBe('{"event":"echo","data":"hello"}');
  return { closed };
}
