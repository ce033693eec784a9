// What the metrics cost this service: it is measured with them and, in a copy of the project, without: `npm run bench:metrics`.
// oxlint-disable no-await-in-loop -- One after the other: what runs at the same time disturbs what is measured.
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BENCH, contestants, ROOT } from './contestants.js';
import { Figures } from './figures.js';
import { installPeers, makeBundle } from './peers.js';
import { Server } from './server.js';
import { cpuTime } from './usage.js';

const smoke = process.argv.includes('--smoke');
const STARTS = smoke ? 1 : 61;
const [ROUNDS, TURNS, WARM_UP, REQUESTS] = smoke ? [1, 1, 1_000, 1_000] : [8, 4, 50_000, 10_000];

const copy = mkdtempSync(join(tmpdir(), 'without-metrics-'));
process.on('exit', () => rmSync(copy, { recursive: true }));

const service = { ...contestants.at(-1), name: 'with' };
const both = [service, { ...service, name: 'without', cwd: copy }];
const figures = new Figures(both.map(({ name }) => name));

installPeers();
buildWithout();
for (const { cwd } of both) makeBundle(cwd);
await measureStarts();
await measureLoad();

const ratios = figures.ratiosTo('without');
console.log('| CPU time | without | with | ratio |\n| --- | ---: | ---: | ---: |');
for (const [figure, { with: withThem, without }] of Object.entries(figures.summary())) {
  console.log(`| ${figure} | ${without.median} | ${withThem.median} | ${ratios[figure].with} |`);
}

function buildWithout() {
  for (const name of ['src', 'package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const file = join(copy, 'src/app.module.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/^.*\bMetricsModule\b.*\n/gm, ''));
  rmSync(join(copy, 'src/metrics'), { recursive: true }); // What nobody imports is an obstacle to a bundle.
  execFileSync('npm', ['pkg', 'delete', 'dependencies.prom-client'], { cwd: copy }); // A bundle has all dependencies.
  execFileSync('npm', ['exec', '--', 'nest', 'build'], { cwd: copy, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function measureStarts() {
  for (let start = 0; start <= STARTS; start++) {
    for (const contestant of inTurn(start)) {
      const server = await Server.start(contestant);
      await server.get('/health/live');
      if (start > 0) figures.add('of a start, ms', contestant, cpuTime(server.pid)); // the first fills the page cache
      await server.stop();
    }
  }
}

async function measureLoad() {
  const generator = fork(join(BENCH, 'load.js'));
  const load = async ({ pid, port }, requests) => {
    generator.send({ job: 'load', pid, port, path: '/', connections: 32, requests });
    const [{ measured, error }] = await once(generator, 'message');
    if (error) throw new Error(`Under load: ${error}`);
    return measured.cpu;
  };
  for (let round = 0; round < ROUNDS; round++) {
    const servers = new Map();
    for (const contestant of inTurn(round)) {
      const server = await Server.start(contestant);
      servers.set(contestant, server);
      await load(server, WARM_UP);
    }
    for (let turn = 0; turn < TURNS; turn++) {
      for (const contestant of inTurn(turn)) {
        figures.add('of a request, µs', contestant, await load(servers.get(contestant), REQUESTS));
      }
    }
    for (const server of servers.values()) await server.stop();
  }
  generator.disconnect();
}

/** Each is as often the first of two. */
function inTurn(turn) {
  return turn % 2 ? both : both.toReversed();
}
