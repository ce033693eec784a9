import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Connections } from './connections.js';
import { Turn } from './turn.js';

function busy(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

let server: Server;
let clients: Socket[];

beforeEach(() => {
  clients = [];
  server = createServer();
});

afterEach(() => {
  clients.forEach((client) => client.destroy());
  server.close();
});

async function open(): Promise<Socket> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  clients.push(client);
  await once(client, 'connect');
  return client;
}

it('lets in who waits at the port after every few requests of those who came first', async () => {
  const events: string[] = [];
  const connections = new Connections(server);
  const turn = new Turn(connections);
  server.on('connection', () => events.push('new'));
  server.on('request', (_, response) => {
    if (!connections.begin(response)) return;
    turn.takes();
    busy(15);
    events.push('request');
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');

  const first = await Promise.all(Array.from({ length: 10 }, open));
  while (events.length < 10) await delay(1);
  // In one turn of the loop that client and server share: these are connected when the server gets to look.
  const late = Array.from({ length: 10 }, open);
  await new Promise((done) => process.nextTick(done));
  for (const client of first) client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
  await Promise.all(late);
  while (events.length < 30) await delay(1);
  const firstNew = events.indexOf('new', 10);
  const lastNew = events.lastIndexOf('new');
  const between = events.slice(firstNew, lastNew).join(' ').split('new');
  expect(Math.max(...between.map((requests) => requests.split('request').length - 1))).toBeLessThanOrEqual(3);
});

it('answers a pipeline whole, which in long turns is paused and read on again and again', async () => {
  const connections = new Connections(server);
  const turn = new Turn(connections);
  server.on('request', (_, response) => {
    if (!connections.begin(response)) return;
    turn.takes();
    busy(0.1);
    response.end('x'.repeat(300));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  clients.push(client);
  let received = '';
  client.setEncoding('latin1').on('data', (text: string) => (received += text));
  client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(2000));
  const answers = () => received.split('HTTP/1.1 200').length - 1;
  while (answers() < 2000 && !client.closed) await delay(10);
  expect(answers()).toBe(2000);
});
