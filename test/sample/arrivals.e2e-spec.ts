import { execSync } from 'node:child_process';
import { expect, it } from '@jest/globals';
import { Connection, get, slow } from '../support/connection.js';
import { describeWith } from '../support/requirement.js';
import { type Program, start } from '../support/service.js';

const ENDED_WELL = { code: 0, signal: null };

/** Keeps the event loop busy from SIGUSR2 on, until a byte comes in and then for 300 ms more. */
const BUSY = `import { readSync } from 'node:fs';
process.on('SIGUSR2', () => {
  console.log(JSON.stringify({ message: 'busy' }));
  readSync(0, Buffer.alloc(1));
  for (const end = Date.now() + 300; Date.now() < end; );
});`;

/** Starts the service with an event loop that can be kept busy. */
const startBusy = (env: Record<string, string>) =>
  start(env, {
    execArgv: ['--import', `data:text/javascript,${encodeURIComponent(BUSY)}`],
    stdio: ['pipe', 'pipe', 'pipe'],
  });

/** Connections that the kernel has, and a request on each, while the service is too busy to know of them. */
async function arrive(service: Program, port: number, count: number): Promise<Connection[]> {
  service.kill('SIGUSR2');
  await service.logged(/^busy$/);
  const clients = await Promise.all(Array.from({ length: count }, () => Connection.open(port)));
  await Promise.all(clients.map((client) => client.sent(get('/'))));
  return clients;
}

it('answers who came while the event loop was busy around the end of the drain delay', async () => {
  const { service, port } = await startBusy({ DRAIN_DELAY_MS: '300' });
  service.kill('SIGTERM');
  await service.logged(/^SIGTERM: draining$/);
  const clients = await arrive(service, port, 20);
  service.process.stdin!.write('.');
  for (const client of clients) expect(await client.answers()).toMatchObject([{ status: 200, connection: 'close' }]);
  expect(await service.exit).toEqual(ENDED_WELL);
});

it('answers who came just before a SIGINT, though Node takes connections one by one', async () => {
  const { service, port } = await startBusy({});
  const clients = await arrive(service, port, 200);
  service.kill('SIGINT');
  service.process.stdin!.write('.');
  for (const client of clients) expect(await client.answers()).toMatchObject([{ status: 200, connection: 'close' }]);
  expect(await service.exit).toEqual(ENDED_WELL);
});

it('keeps nobody waiting for one client with thousands of pipelined requests, and ends with status 1 when it cuts some off', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '2000', SHUTDOWN_TIMEOUT_MS: '10000' });
  service.kill('SIGTERM');
  await service.logged(/^SIGTERM: draining$/);
  const [pipeline, other] = [await Connection.open(port), await Connection.open(port)];
  await pipeline.sent(get('/a/rather/long/path').repeat(5000));
  expect(await other.request(get('/'))).toMatchObject({ status: 200 });
  await pipeline.end;
  const answers = await pipeline.answers();
  expect(answers.at(-1)).toMatchObject({ status: 404, connection: 'close' });
  // What comes behind the last response is not parsed any more, so its requests are not all counted.
  const unanswered = answers.length < 5000;
  expect(await service.exit).toEqual({ code: unanswered ? 1 : 0, signal: null });
  expect(service.log.some((line) => Number(line['unanswered']) > 0)).toBe(unanswered);
});

it('does not call answered what comes on a pipeline behind its last answer', async () => {
  const { service, port } = await start({ DRAIN_DELAY_MS: '0' });
  const client = (await Connection.open(port)).send(`${slow('GET', '/', 2)}{`);
  await (await Connection.open(port)).request(get('/'));
  service.kill('SIGTERM');
  await service.logged(/^Stopped accepting/);
  client.send(`}${get('/')}`);
  expect(await client.answers(2)).toMatchObject([{ connection: undefined }, { connection: 'close' }]);
  client.send(get('/')); // before it has seen the end
  expect(await service.exit).toEqual({ code: 1, signal: null });
  expect(service.log.at(-1)).toMatchObject({
    level: 'warn',
    message: 'Done, but for requests pipelined behind a Connection: close',
    unanswered: 1,
  });
});

const [IDLE, ACTIVE] = [10_000, 2_000];

describeWith(
  Number(execSync('ulimit -Hn').toString()) > IDLE + ACTIVE + 100,
  `${IDLE + ACTIVE} open files`,
  'Raise the limit: ulimit -n 20000',
)('with thousands of connections', () => {
  it(`answers ${ACTIVE} requests in flight and closes ${IDLE} idle connections`, async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '60000' });
    const idle = await openMany(IDLE, port);
    const active = await openMany(ACTIVE, port);
    await Promise.all(active.map((client) => client.sent(`${slow('GET', '/', 2)}{`)));
    service.kill('SIGTERM');
    expect(await service.logged(/^Stopped accepting/)).toMatchObject({ inFlight: ACTIVE });
    expect(new Set(await Promise.all(idle.map(({ end }) => end)))).toEqual(new Set(['closed']));
    for (const client of active) client.send('}');
    for (const client of active) {
      expect((await client.answers(2))[1]).toMatchObject({ status: 200, connection: 'close' });
    }
    expect(await service.exit).toEqual(ENDED_WELL);
  });
});

/** Connections with an answer behind them, in portions that the kernel holds for a busy program. */
async function openMany(count: number, port: number): Promise<Connection[]> {
  const clients: Connection[] = [];
  while (clients.length < count) {
    const portion = await Promise.all(Array.from({ length: 250 }, () => Connection.open(port)));
    await Promise.all(portion.map((client) => client.request(get('/nowhere'))));
    clients.push(...portion);
  }
  return clients;
}
