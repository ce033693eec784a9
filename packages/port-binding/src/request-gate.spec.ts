import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Connections } from './connections/connections.js';
import { installRequestGate } from './request-gate.js';

let server: Server;
let connections: Connections;

beforeEach(() => {
  // Like Express for a path that it does not know: it responds at once.
  server = createServer(({ url }, response) => response.end(url));
  connections = new Connections();
  connections.observe(server);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function send(...requests: string[]): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  client.write(requests.join(''));
  let received = '';
  for await (const text of client) received += text as string;
  return received;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;
const last = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`;
const UPGRADE = 'GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n';

it('counts every request before any listener gets it', async () => {
  const seen: unknown[] = [];
  server.prependListener('request', ({ url }) => seen.push([url, connections.inFlight]));
  installRequestGate(server, connections, undefined);
  expect(await send(last('/a'))).toMatch(/\/a$/);
  expect(seen).toEqual([['/a', 1]]);
});

it('during a drain, answers all requests in one segment, and only the last response says close', async () => {
  installRequestGate(server, connections, undefined);
  connections.announceClose();
  const responses = (await send(get('/a'), get('/b'), get('/c'))).split(/(?=HTTP\/1.1)/);
  expect(responses.map((response) => [/\/\w$/.exec(response)?.[0], /Connection: close/.test(response)])).toEqual([
    ['/a', false],
    ['/b', false],
    ['/c', true],
  ]);
});

it.each(['before', 'after'])(
  'hands a connection over to a listener for upgrades that came %s the gate',
  async (when) => {
    const listen = () => server.on('upgrade', (_, socket) => socket.end(`upgraded: ${connections.upgraded}`));
    if (when === 'before') listen();
    installRequestGate(server, connections, undefined);
    if (when === 'after') listen();
    expect(await send(UPGRADE)).toBe('upgraded: 1');
  },
);

it('takes an upgrade for an ordinary request where nobody listens for it', async () => {
  installRequestGate(server, connections, undefined);
  const request = 'GET /a HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, close\r\nUpgrade: test\r\n\r\n';
  expect(await send(request)).toMatch(/^HTTP\/1\.1 200 .*\/a$/s);
});
