import { Agent, request } from 'node:http';
import { beforeEach, describe as group, expect, it } from '@jest/globals';
import { Connection, get, slow } from '../support/connection.js';
import { Container, describeWithDocker } from '../support/docker.js';

const describe = describeWithDocker();

const MEMORY = 128 * 1024 * 1024;

let container: Container;
let url: string;
let port: number;

/** What clients do who want more memory than there is, and what each of their connections may get for it. */
describe('in a container with 128 MiB', () => {
  beforeEach(async () => {
    const limit = ['--memory', String(MEMORY), '--memory-swap', String(MEMORY)];
    container = Container.run({}, limit);
    url = await container.url();
    port = Number(new URL(url).port);
  });

  group.each([3, 10, 50, 200])('over %i connections', (connections) => {
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
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
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
    // Whoever comes behind them is heard when each has been read once: later than a header may take (408) on a busy machine.
    let status = 408;
    while (status === 408) ({ status } = await fetch(url));
    expect(status).toBe(200);
    for (const client of clients) client.close();
    await survives();
  });
});

async function survives(): Promise<void> {
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  expect(await container.inspect('{{.State.Running}} {{.State.OOMKilled}}')).toBe('true false');
  container.kill('SIGKILL');
}

async function open(count: number, use?: (client: Connection) => Promise<unknown>): Promise<Connection[]> {
  const clients: Connection[] = [];
  while (clients.length < count) {
    const portion = Math.min(200, count - clients.length);
    const opened = await Promise.all(Array.from({ length: portion }, () => Connection.open(port)));
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
