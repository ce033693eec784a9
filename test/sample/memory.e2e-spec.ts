import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { beforeEach, describe as group, expect, it } from '@jest/globals';
import { type Answer, Connection, get, slow } from '../support/connection.js';
import { Container, describeWithDocker, docker } from '../support/docker.js';
import { buildForkImage } from '../support/fork.js';
import { start } from '../support/service.js';

const describe = describeWithDocker();

const MEMORY = 128 * 1024 * 1024;

/** Without swap. */
const LIMIT = ['--memory', String(MEMORY), '--memory-swap', String(MEMORY), '--read-only'];

let container: Container;
let url: string;
let port: number;

/** What clients do who want more memory than there is, and what each of their connections may get for it. */
describe('in a container with 128 MiB', () => {
  beforeEach(async () => {
    container = Container.run({}, LIMIT);
    url = await container.url();
    port = Number(new URL(url).port);
  });

  group.each([3, 50, 200])('over %i connections', (connections) => {
    it.each([50_000, 95_000])('answers JSON of %i bytes, or refuses what does not fit', async (size) => {
      const agent = new Agent({ keepAlive: true, maxSockets: connections });
      const statuses = await Promise.all(Array.from({ length: 2000 }, () => post(agent, size)));
      agent.destroy();
      const expected = connections * size < MEMORY / 16 ? [405] : [405, 503];
      expect(statuses.filter((status) => !expected.includes(status))).toEqual([]);
      expect(statuses).toContain(405);
      await survives();
    });
  });

  it('refuses bodies that are slow to come, so many that they do not fit', async () => {
    const clients = await open(1000);
    const body = JSON.stringify(['x'.repeat(95_000)]);
    for (const client of clients) client.send(slow('POST', '/', body.length) + body.slice(0, -1));
    // Who is let in waits for the rest of the body, and has 30 s for it: those that are let in later are few.
    const refused = () => clients.filter((client) => client.received.startsWith('HTTP/1.1 503')).length;
    while (refused() < 500) await new Promise(setImmediate);
    expect((await fetch(`${url}/health/live`, CLOSE)).status).toBe(200);
    for (const client of clients) client.close();
    // What they took is free again.
    let status = 503;
    while (status === 503) status = await post(new Agent(), body.length);
    expect(status).toBe(405);
    await survives();
  });

  it('answers behind headers as long as they may be, however slow they come', async () => {
    const clients = await open(1000);
    for (const client of clients) client.send(`GET / HTTP/1.1\r\nHost: test\r\nX-Long: ${'x'.repeat(15_000)}`);
    expect((await fetch(url)).status).toBe(200);
    for (const client of clients) client.send('\r\n\r\n');
    for (const client of clients) expect(await client.answers()).toMatchObject([{ status: 200 }]);
    await survives();
  });

  it('closes the longest idle of 10,000 connections', async () => {
    const clients = await open(10_000, (client) => client.request(get('/')));
    const last = clients.slice(-100);
    expect(
      (await Promise.all(last.map((client) => client.request(get('/'))))).every((answer) => answer.status === 200),
    ).toBe(true);
    expect(await clients[0]!.end).toBe('closed');
    await survives();
  });

  it('answers all of 20,000 pipelined requests', async () => {
    const [client] = await open(1);
    expect(await client!.send(get('/').repeat(20_000)).answers(20_000)).toHaveLength(20_000);
    await survives();
  });

  it.each([20, 50])('cuts off %i clients who pipeline what they do not read', async (count) => {
    const clients = await open(count);
    for (const client of clients) client.pause().send(get('/').repeat(60_000));
    await container.logged(/^At capacity$/);
    expect((await fetch(url)).status).toBe(200);
    for (const client of clients) client.close();
    await survives();
  });
});

const COMPRESS = {
  plain: (text: Buffer) => text,
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
};

const ENCODINGS = ['plain', 'gzip', 'deflate', 'br'] as const;

/** Clients, and the bytes of each body: both are more than fits, were all of them kept. */
const SAMPLE = { clients: 700, bytes: 99_000 };
const FORK = { clients: 30, bytes: 4_000_000 };

/** A cell of the matrix must not take for ever: a body that is held back gets 408 after half a minute. */
const CELL_MS = 3000;

/** Every way to send a body, each from more clients than fit, one after another in the same container. */
describe('in a container with 128 MiB, whatever bodies clients send', () => {
  it('a service as it is is never killed, and answers health checks all the time', async () => {
    expect(await sendEveryBody(SAMPLE)).toBe('true false');
  });

  it('a fork that takes bodies of 5 MB is never killed either', async () => {
    const { image } = buildForkImage([], [], {
      edits: {
        'src/main.ts': (text) =>
          text.replace('const bound = await serve(', "app.useBodyParser('json', { limit: '5mb' });\n  $&"),
      },
    });
    expect(await sendEveryBody(FORK, image)).toBe('true false');
  });
});

async function sendEveryBody(load: typeof SAMPLE, image?: string): Promise<string> {
  container = Container.run({}, LIMIT, image);
  url = await container.url();
  port = Number(new URL(url).port);
  const agent = new Agent();
  for (const encoding of ENCODINGS) {
    for (const framing of ['length', 'chunked'] as const) {
      for (const held of [false, true]) {
        const whole = bodyRequest(encoding, framing, load.bytes);
        const bytes = held ? whole.subarray(0, -8) : whole;
        const clients = await open(load.clients);
        for (const client of clients) client.send(bytes);
        const statuses = await healthUntil(
          held ? delay(CELL_MS) : Promise.race([Promise.all(clients.map(anyEnd)), delay(CELL_MS)]),
        );
        expect({ encoding, framing, held, statuses }).toEqual({ encoding, framing, held, statuses: [200] });
        for (const client of clients) client.close();
        // What they took is free again.
        let status = 503;
        while (status === 503) status = await post(agent, 95_000);
        expect(status).toBe(405);
      }
    }
  }
  agent.destroy();
  const state = await runningAndKilled();
  container.kill('SIGKILL');
  return state;
}

/** Each on a connection of its own, as probes have it. */
const CLOSE = { headers: { Connection: 'close' } };

/** The status of a health check. A few connections may be closed unanswered among hundreds of others: probes try again. */
async function health(): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return (await fetch(`${url}/health/live`, CLOSE)).status;
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

/** The statuses of health checks, one after another until then. */
async function healthUntil(done: Promise<unknown>): Promise<number[]> {
  const [statuses, state] = [new Set<number>(), { over: false }];
  void done.then(() => (state.over = true));
  do {
    statuses.add(await health());
    await delay(20); // At full speed, the probes would be half of the load.
  } while (!state.over);
  return [...statuses];
}

/** Waits for an answer, or for the end of a connection. */
async function anyEnd(client: Connection): Promise<void> {
  await client.answers().catch(() => undefined);
}

/** A request whose last byte, and in chunks what ends them, are among its last eight. */
function bodyRequest(encoding: keyof typeof COMPRESS, framing: 'length' | 'chunked', bytes: number): Buffer {
  const body = COMPRESS[encoding](Buffer.from(JSON.stringify(['abcdefghij'.repeat(bytes / 10)])));
  const head = `POST / HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n${
    encoding === 'plain' ? '' : `Content-Encoding: ${encoding}\r\n`
  }`;
  return framing === 'length'
    ? Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body])
    : Buffer.concat([
        Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`),
        body,
        Buffer.from('\r\n0\r\n\r\n'),
      ]);
}

/** Behind a request whose answer takes long, or is not read. */
const PIPELINED = {
  'without a Host': 'GET / HTTP/1.1\r\n\r\n',
  'with an unknown expectation': 'GET / HTTP/1.1\r\nHost: test\r\nExpect: x\r\n\r\n',
  'that may continue': 'GET / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\r\n',
  'for metrics': 'GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n',
};

describe('in a container with 128 MiB, with metrics on a port of their own', () => {
  let metricsPort: number;

  beforeEach(async () => {
    container = Container.run({ METRICS_PORT: '3001' }, [...LIMIT, '--publish', '127.0.0.1::3001']);
    url = await container.url();
    port = Number(new URL(url).port);
    metricsPort = Number((await docker('port', container.name, '3001/tcp')).split('\n')[0]!.split(':').at(-1));
  });

  it('pipelines of requests that Node would answer itself kill it on neither port', async () => {
    for (const [each, slowly] of [
      [port, '/delay/10'],
      [metricsPort, '/metrics'],
    ] as const) {
      for (const pipelined of Object.values(PIPELINED)) {
        const clients = await open(28, undefined, each);
        for (const client of clients) client.pause().send(get(slowly) + pipelined.repeat(3500));
        for (const end = Date.now() + 3000; Date.now() < end;) {
          expect(await health()).toBe(200);
        }
        for (const client of clients) client.close();
      }
    }
    await survives();
  });

  it('half a header on each of more connections than the port for metrics holds does not kill it', async () => {
    const halves = await open(3600, undefined, metricsPort);
    for (const client of halves) client.send('GET /metrics HTTP/1.1\r\nHost: test\r\nX-Long: ' + 'x'.repeat(8000));
    expect(await health()).toBe(200);
    for (const client of halves) client.close();
    // While those still arrive, a new connection may be closed as the longest idle one.
    const scrape = async () =>
      fetch(`http://127.0.0.1:${metricsPort}/metrics`, CLOSE).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await scrape())) await delay(100);
    await survives();
  });
});

const FEW_DESCRIPTORS = ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh'];

group('with 256 file descriptors', () => {
  it('answers or refuses each of 400 clients, answers every health check, and logs it', async () => {
    const service = await start({}, { via: FEW_DESCRIPTORS });
    ({ url, port } = service);
    const answers: Promise<Answer[]>[] = [];
    while (answers.length < 400) {
      // One by one, because a connection without a request is closed without an answer when there are too many.
      const client = await Connection.open(port);
      answers.push(client.send(get('/delay/9')).answers());
    }
    await service.service.logged(/^At capacity$/);
    for (let probes = 0; probes < 20; probes++) expect(await health()).toBe(200);
    const statuses = (await Promise.all(answers)).map(([answer]) => answer!.status);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
  });
});

const runningAndKilled = async () => container.inspect('{{.State.Running}} {{.State.OOMKilled}}');

async function survives(): Promise<void> {
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  expect(await runningAndKilled()).toBe('true false');
  container.kill('SIGKILL');
}

async function open(count: number, use?: (client: Connection) => Promise<unknown>, at = port): Promise<Connection[]> {
  const clients: Connection[] = [];
  while (clients.length < count) {
    const portion = Math.min(200, count - clients.length);
    const opened = await Promise.all(Array.from({ length: portion }, async () => Connection.open(at)));
    if (use) await Promise.all(opened.map(use));
    clients.push(...opened);
  }
  return clients;
}

async function post(agent: Agent, size: number): Promise<number> {
  const body = JSON.stringify(['x'.repeat(size)]);
  return new Promise((done, fail) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume().on('end', () => done(response.statusCode!));
    })
      .on('error', fail)
      .end(body);
  });
}
