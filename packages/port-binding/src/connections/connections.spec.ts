import { once } from 'node:events';
import { type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Connections } from './connections.js';

let server: Server;
let connections: Connections;
/** The answers to give, in the order of their requests. */
let answers: ServerResponse[];
let clients: Socket[];

beforeEach(async () => {
  [answers, clients] = [[], []];
  server = createServer();
  connections = new Connections();
  connections.observe(server);
  server.on('request', (_, response) => connections.requestArrived(response) && answers.push(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterEach(() => {
  clients.forEach((client) => client.destroy());
  server.closeAllConnections();
  server.close();
});

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';

function open(): Socket {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  clients.push(client);
  return client;
}

/** Sends requests in one segment, and waits until the server has them. */
async function ask(requests = GET, client = open(), count = requests.split(GET).length - 1): Promise<Socket> {
  const before = answers.length;
  client.write(requests);
  while (answers.length < before + count) await once(server, 'request');
  return client;
}

async function text(client: Socket): Promise<string> {
  let received = '';
  for await (const part of client) received += part as string;
  return received;
}

it('counts what is open, in flight, started and answered, and tells when nothing is in flight', async () => {
  await ask();
  await ask();
  answers[0]!.flushHeaders();
  expect(connections).toMatchObject({ open: 2, inFlight: 2, started: 1, answered: 0 });
  const idle = connections.idle();
  answers.forEach((answer) => answer.end());
  await idle;
  expect(connections).toMatchObject({ open: 2, inFlight: 0, started: 0, answered: 2 });
});

it('waits no longer for any answer to a client that has gone, and calls none of them answered', async () => {
  const client = await ask(GET.repeat(3));
  expect(connections.inFlight).toBe(3);
  const idle = connections.idle();
  client.destroy();
  await idle;
  expect(connections).toMatchObject({ open: 0, inFlight: 0, answered: 0 });
});

it('tells once of each request how it ended: those pipelined behind one that was cut off, too', async () => {
  const ended: ServerResponse[] = [];
  connections.on('ended', (response) => ended.push(response));
  const client = await ask(GET.repeat(3));
  connections.endUnfinished();
  client.destroy();
  await connections.idle();
  await new Promise((done) => setImmediate(done));
  expect(ended.map((response) => answers.indexOf(response))).toEqual([0, 1, 2]);
});

describe('once it announces the close', () => {
  it('has only the newest answer on a connection say so, as Node closes behind the one that does', async () => {
    const client = await ask(GET.repeat(2));
    connections.announceClose();
    await ask(GET, client);
    answers.forEach((answer) => answer.end());
    const connection = [...(await text(client)).matchAll(/HTTP\/1.1|Connection: close/g)].map(([found]) => found);
    expect(connection).toEqual(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'Connection: close']);
    expect(connections).toMatchObject({ answered: 3, unanswered: 0 });
  });

  it('does not process what comes behind the answer that has said so, and does not call it answered', async () => {
    const client = await ask(GET.repeat(2));
    connections.announceClose();
    answers[1]!.end('second');
    const refused = once(server, 'request');
    client.write(GET);
    await refused;
    expect(answers).toHaveLength(2);
    answers[0]!.end('first');
    expect(await text(client)).toMatch(/first.*second$/s);
    expect(connections).toMatchObject({ answered: 2, unanswered: 1 });
  });

  it('parses no more of a pipeline than was read already when the response goes out that has said so', async () => {
    let parsed = 0;
    server.on('request', () => parsed++);
    connections.announceClose();
    const client = await ask();
    answers[0]!.end();
    await once(client, 'data');
    client.on('error', () => undefined).write(GET.repeat(20_000)); // cut off before it could send all of that
    await new Promise((done) => client.on('close', done));
    expect(parsed).toBeLessThanOrEqual(1 + (64 * 1024) / GET.length);
    expect(connections.unanswered).toBe(parsed - 1);
  });

  it('leaves the end of idle connections to its user, even when the port closes', async () => {
    const client = open();
    await once(server, 'connection');
    connections.announceClose();
    server.close();
    await ask(GET, client);
    answers[0]!.end('done');
    expect(await text(client)).toMatch(/done$/);
  });
});

it('closes idle connections at once and the others behind their answers', async () => {
  const idle = open();
  await once(server, 'connection');
  const busy = await ask();
  connections.closeWhenIdle();
  expect(await text(idle)).toBe('');
  answers[0]!.end('done');
  expect(await text(busy)).toMatch(/done$/);
  expect(connections.open).toBe(0);
});

it('does not take an answer for done that its client has yet to read, when the port closes', async () => {
  const body = 'x'.repeat(16 * 1024 * 1024); // more than the kernel takes
  const client = await ask();
  answers[0]!.end(body);
  server.close();
  expect(await text(client)).toHaveLength(
    body.length +
      `HTTP/1.1 200 OK\r\nDate: ${new Date().toUTCString()}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: ${body.length}\r\n\r\n`
        .length,
  );
});

it('leaves an upgraded connection to whom it was upgraded for, and counts it apart', async () => {
  server.on('upgrade', (request) => connections.upgrade(request.socket));
  const client = open();
  client.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n');
  const [, socket] = (await once(server, 'upgrade')) as [unknown, Socket];
  connections.announceClose();
  connections.closeWhenIdle();
  connections.destroy();
  expect(connections).toMatchObject({ open: 0, upgraded: 1 });
  socket.end('still there');
  expect(await text(client)).toBe('still there');
});

it('settles only when every connection and request is taken that the kernel holds', async () => {
  const waiting = Array.from({ length: 50 }, open);
  waiting.forEach((client) => client.write(GET));
  await connections.caughtUp(10_000);
  expect(answers).toHaveLength(50);
});

it('keeps no request of a closed connection, although a handler may hold one of them for long', async () => {
  await ask(GET.repeat(3));
  const [connection] = connections;
  connections.cut(connection!);
  expect(connection!.pending).toEqual([]);
});
