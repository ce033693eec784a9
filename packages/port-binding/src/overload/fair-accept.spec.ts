import { once } from 'node:events';
import { type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Connections } from '../connections/connections.js';
import { FairAccept } from './fair-accept.js';

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';

let server: Server;
let connections: Connections;
let fairAccept: FairAccept;
/** What the server saw, in order. */
let events: ('accepted' | 'request')[];
let respond: (response: ServerResponse) => void;
let clients: Socket[];

beforeEach(async () => {
  [events, clients] = [[], []];
  respond = (response) => response.end();
  server = createServer();
  connections = new Connections();
  connections.observe(server);
  fairAccept = new FairAccept(connections);
  server.on('connection', (socket) => {
    events.push('accepted');
    fairAccept.connectionAccepted(connections.of(socket)!);
  });
  server.on('request', ({ socket }, response) => {
    if (!connections.requestArrived(response)) return;
    fairAccept.requestArrived(connections.of(socket)!);
    events.push('request');
    respond(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterEach(() => {
  clients.forEach((client) => client.destroy());
  server.closeAllConnections();
  server.close();
});

function open(): Socket {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    .setEncoding('latin1')
    .resume();
  clients.push(client);
  return client;
}

function busy(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

it('accepts those who wait after every few requests of those who came first', async () => {
  respond = (response) => {
    busy(15);
    response.end();
  };
  const first = Array.from({ length: 10 }, open);
  while (events.length < 10) await delay(1);
  // Client and server share an event loop: these are connected when the server gets to look.
  const late = Array.from({ length: 10 }, open);
  await new Promise((done) => process.nextTick(done));
  for (const client of first) client.write(GET);
  await Promise.all(late.map((client) => once(client, 'connect')));
  while (events.length < 30) await delay(1);
  const between = events.slice(events.indexOf('accepted', 10), events.lastIndexOf('accepted')).join(' ');
  const requests = between.split('accepted').map((some) => some.split('request').length - 1);
  expect(Math.max(...requests)).toBeLessThanOrEqual(3);
});

it('answers a whole pipeline that is paused and read on again and again', async () => {
  respond = (response) => {
    busy(0.1);
    response.end('x'.repeat(300));
  };
  const client = open();
  let received = '';
  client.on('data', (text: string) => (received += text));
  client.write(GET.repeat(2000));
  const responses = () => received.split('HTTP/1.1 200').length - 1;
  while (responses() < 2000 && !client.closed) await delay(10);
  expect(responses()).toBe(2000);
});

it('reads no more from a connection with a long pipeline until most of that is answered', async () => {
  const waiting: ServerResponse[] = [];
  respond = (response) => waiting.push(response);
  open().write(GET.repeat(6000));
  await once(server, 'request');
  for (let turns = 0; turns < 20; turns++) await setImmediate();
  expect(waiting.length).toBeLessThan((64 * 1024) / GET.length);
  // Others are read all the while.
  open().write(GET);
  await once(server, 'request');
  for (let answered = 0; answered < 6001;) {
    while (answered < waiting.length) waiting[answered++]!.end();
    await setImmediate();
  }
  await connections.idle();
});

it('reads a newcomer before all the long pipelines of others', async () => {
  const order: Socket[] = [];
  respond = (response) => {
    if (order.at(-1) !== response.req.socket) order.push(response.req.socket);
    response.end();
  };
  const others = Array.from({ length: 10 }, open);
  while (connections.open < 10) await once(server, 'connection');
  others.forEach((other) => other.write(GET.repeat(2000)));
  const newcomer = open();
  newcomer.write(GET);
  await once(newcomer, 'data');
  expect(order.findIndex(({ remotePort }) => remotePort === newcomer.localPort)).toBeLessThan(5);
});

it('reads on from those who are open, though new ones keep coming, each in a long turn', async () => {
  server.on('connection', () => busy(30));
  const kept = open();
  kept.write(GET);
  await once(kept, 'data');

  const crowd = setInterval(open, 1); // one in each turn
  await once(server, 'connection');
  const accepting = fairAccept.acceptFirst();
  kept.write(GET);
  const before = connections.accepted;
  while (events.lastIndexOf('request') === events.indexOf('request') && connections.accepted < before + 100)
    await setImmediate();
  clearInterval(crowd);
  await accepting;
  expect(connections.accepted - before).toBeLessThan(50);
});

it('reads those whose time is over one at a time, because each can bring many requests', async () => {
  server.on('connection', (socket) => process.nextTick(() => socket.pause())); // just after Node starts to read
  const late = Array.from({ length: 10 }, open);
  await Promise.all(late.map((client) => new Promise((done) => client.write(GET.repeat(50), done))));
  while (events.length < 10) await delay(1);
  const looks = Promise.all([...connections].map((connection) => fairAccept.readFirst(connection)));
  let mostPerTurn = 0;
  for (let before = events.length; events.length < 510; before = events.length) {
    await setImmediate();
    mostPerTurn = Math.max(mostPerTurn, events.length - before);
  }
  expect(mostPerTurn).toBe(50);
  expect(await looks).toEqual(late.map(() => true));
});
