// Measures what a start, a request and a deployment cost this service and its peers: `npm run bench`.
// oxlint-disable no-await-in-loop -- One after the other: what runs at the same time disturbs what is measured.
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './chart.js';
import { BENCH, contestants, readManifest, ROOT } from './contestants.js';
import { Figures } from './figures.js';
import { installPeers, makeBundle } from './peers.js';
import { report } from './report.js';
import { Server } from './server.js';
import { sizeOf } from './size.js';
import { cpuTime, memory } from './usage.js';

const ROUTES = ['/', '/health/live'];
const CONNECTIONS = [32, 256];
const HELD = [100, 1_000, 10_000];
/** So many are started at once, as when a node of a cluster comes back. */
const CROWD = 50;
const LOAD_TIMEOUT = 120_000;

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, smoke: { type: 'boolean' }, out: { type: 'string', default: BENCH } },
});

/**
 * How often each contestant is started; in how many rounds it is started anew and put under load, how often with each
 * kind of it in a round, and with how many requests each time.
 */
const effort = options.smoke
  ? { starts: 1, rounds: 1, warmUp: 2_000, turns: 1, requests: 1_000 }
  : { starts: options.quick ? 9 : 21, rounds: options.quick ? 1 : 6, warmUp: 100_000, turns: 8, requests: 5_000 };

const figures = new Figures(contestants.map(({ name }) => name));
const held = HELD.map((count) => ({ count, name: count.toLocaleString('en') }));
const heldFigures = new Figures(held.map(({ name }) => name));

prepare();
await checkAnswers();
await measureStarts();
await measureCrowd();
await measureLoad();
await measureConnections();
measureSizes();
write();

/** Installs the peers where they are missing, compiles the starter as `nest build` would, and makes the image's program. */
function prepare() {
  if (!existsSync('/proc/self/schedstat')) {
    throw new Error('The benchmark needs Linux: it takes CPU time and memory from /proc.');
  }
  installPeers();
  const versions = [ROOT, BENCH].map(readManifest);
  for (const [name, version] of Object.entries(versions[1].dependencies)) {
    if ((versions[0].dependencies[name] ?? version) !== version) {
      throw new Error(`${name} is ${version} in bench/package.json, but not in package.json.`);
    }
  }
  rmSync(join(BENCH, '.cache'), { recursive: true, force: true }); // that of another Node, maybe
  makeBundle(ROOT);
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', 'contestants/nest-new'], { cwd: BENCH, stdio: 'inherit' });
}

/**
 * A start of each that is not counted, to see that all give the same answers. The files are in the page cache after it,
 * and what Node keeps of the compiled code is written, which it is when a process ends by itself.
 */
async function checkAnswers() {
  const forms = new Set();
  for (const contestant of contestants) {
    progress(`Trying ${contestant.name}`);
    const server = await Server.start(contestant);
    for (const route of ROUTES) {
      const { answer, cacheControl } = await server.get(route);
      forms.add(`${route} ${Object.keys(answer).join()} ${cacheControl}`);
    }
    await server.stop('SIGINT');
  }
  if (forms.size !== ROUTES.length) {
    throw new Error(`The contestants differ in what they answer:\n${[...forms].join('\n')}`);
  }
}

async function measureStarts() {
  for (let round = 1; round <= effort.starts; round++) {
    for (const contestant of inTurn()) {
      progress(`Start ${round} of ${effort.starts}: ${contestant.name}`);
      const began = performance.now();
      const server = await Server.start(contestant);
      await server.get('/health/live');
      const wall = performance.now() - began;
      figures.add('cold start, CPU ms', contestant, cpuTime(server.pid));
      figures.add('cold start, wall ms', contestant, wall);
      await server.stop();
    }
  }
}

/** What a start takes when the processors are short: there is no order in it then, and no idle time to hide work in. */
async function measureCrowd() {
  const count = options.smoke ? 2 : CROWD;
  for (let round = 1; round <= effort.rounds; round++) {
    for (const contestant of inTurn()) {
      progress(`${count} at once, ${round} of ${effort.rounds}: ${contestant.name}`);
      const began = performance.now();
      const servers = await Promise.all(
        Array.from({ length: count }, async () => {
          const server = await Server.start(contestant);
          await server.get('/health/live');
          return server;
        }),
      );
      const wall = performance.now() - began;
      const cpu = servers.reduce((sum, { pid }) => sum + cpuTime(pid), 0);
      figures.add(`CPU ms each, ${CROWD} started at once`, contestant, cpu / count);
      figures.add(`wall ms, ${CROWD} started at once`, contestant, wall);
      await Promise.all(servers.map((server) => server.stop()));
    }
  }
}

/**
 * All contestants are up at once and take turns at each kind of load, so that a busy moment of the machine hits all. Turns
 * are short, because V8 throws away compiled code when a program has been idle for some eight seconds. After ten seconds, a
 * request would cost this service twice as much.
 */
async function measureLoad() {
  const generator = fork(join(BENCH, 'load.js'));

  for (let round = 1; round <= effort.rounds; round++) {
    const servers = new Map();
    const load = (contestant, path, connections, requests) => {
      progress(`Load ${round} of ${effort.rounds}: ${contestant.name}, ${path} at ${connections} connections`);
      const { pid, port } = servers.get(contestant);
      return generate(generator, { job: 'load', pid, port, path, connections, requests });
    };

    for (const contestant of inTurn()) {
      const server = await Server.start(contestant);
      await server.get('/health/live');
      servers.set(contestant, server);
    }
    addMemory('after start', servers);

    // As many because V8 goes on compiling what is hot for some 50,000 requests, at the expense of those.
    for (const route of ROUTES) {
      for (const contestant of inTurn()) {
        await load(contestant, route, CONNECTIONS[0], effort.warmUp / ROUTES.length);
      }
    }
    addMemory(`after ${effort.warmUp.toLocaleString('en')} requests`, servers);

    const kinds = CONNECTIONS.flatMap((connections) => ROUTES.map((route) => ({ route, connections })));
    for (const { route, connections } of Array(effort.turns).fill(kinds).flat()) {
      const where = `${route} at ${connections}`;
      for (const contestant of inTurn()) {
        const { cpu, perSecond, p50, p99 } = await load(contestant, route, connections, effort.requests);
        figures.add(`CPU µs per request, ${where}`, contestant, cpu);
        figures.add(`requests per second, ${where}`, contestant, perSecond);
        figures.add(`p50 ms, ${where}`, contestant, p50);
        figures.add(`p99 ms, ${where}`, contestant, p99);
      }
    }
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
  generator.disconnect();
}

/** What connections cost while they are open and when they are drained: of this service alone, as no peer drains. */
async function measureConnections() {
  const generator = fork(join(BENCH, 'load.js'));
  const service = contestants.at(-1);
  const tellCpu =
    "process.on('exit', () => { const { user, system } = process.cpuUsage(); console.error(user + system); });";
  const drained = {
    ...service,
    args: ['--import', `data:text/javascript,${encodeURIComponent(tellCpu)}`, ...service.args],
    env: { ...service.env, DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '60000' },
  };
  for (let round = 1; round <= effort.rounds; round++) {
    for (const size of held) {
      progress(`Drain ${round} of ${effort.rounds}: ${size.name} connections`);
      const server = await Server.start(drained);
      const { pid, port } = server;
      const { before, idle, inFlight } = await generate(generator, { job: 'hold', pid, port, connections: size.count });
      const cpuBefore = cpuTime(pid);
      const end = server.stop('SIGTERM');
      await generate(generator, { job: 'release' });
      await end;
      heldFigures.add('kB per idle connection', size, ((idle - before) * 1024) / size.count);
      heldFigures.add('kB more per request in flight', size, ((inFlight - idle) * 1024) / size.count);
      heldFigures.add(
        'CPU µs of a drain, per connection',
        size,
        (Number(server.stderr) - cpuBefore * 1000) / size.count,
      );
    }
  }
  generator.disconnect();
}

async function generate(generator, job) {
  generator.send(job);
  const [{ measured, error }] = await once(generator, 'message', { signal: AbortSignal.timeout(LOAD_TIMEOUT) });
  if (error) {
    throw new Error(`Under load: ${error}`);
  }
  return measured;
}

function addMemory(when, servers) {
  for (const [contestant, { pid }] of servers) {
    const { rss, pss } = memory(pid);
    figures.add(`RSS MB ${when}`, contestant, rss);
    figures.add(`PSS MB ${when}`, contestant, pss);
  }
}

function measureSizes() {
  for (const contestant of contestants) {
    const { files, megabytes } = sizeOf(contestant);
    figures.add('files deployed', contestant, files);
    figures.add('MB deployed', contestant, megabytes);
  }
}

function write() {
  const results = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpu: `${cpus().length} × ${cpus()[0].model.trim()}`,
    versions: readManifest(BENCH).dependencies,
    effort,
    figures: figures.summary(),
    connections: heldFigures.summary(),
    ratios: Object.fromEntries(
      ['node:http', 'Express', 'Express, tuned', 'nest new'].map((base) => [base, figures.ratiosTo(base)]),
    ),
  };
  mkdirSync(options.out, { recursive: true });
  writeFileSync(resolve(options.out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(resolve(options.out, 'results.svg'), chart(results));
  progress('');
  console.log(report(results));
}

/** Everyone, in an order of chance: nobody always follows the one that leaves the processor hot. */
function inTurn() {
  return contestants
    .map((contestant) => ({ contestant, chance: Math.random() }))
    .toSorted((a, b) => a.chance - b.chance)
    .map(({ contestant }) => contestant);
}

function progress(text) {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : text && `${text}\n`);
}
