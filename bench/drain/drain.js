/**
 * How many requests does a rollout lose, with this engine and with others? `npm run bench:drain`, or with the names of some
 * contestants behind `--`. Each contestant has three instances, which are replaced twice under one load. That happens behind
 * a balancer of connections (L4) and, at the same time, behind a balancer of requests (L7).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HAPROXY, HAProxy } from '../../test/balancers/haproxy.js';
import { rollingDeploy } from '../../test/rolling/deploy.js';
import { BENCH, ROOT } from '../contestants.js';
import { installPeers } from '../peers.js';

const README = join(ROOT, 'packages/port-binding/README.md');

/** The name of each contestant in the table, with the versions of its packages. Its file has its settings. */
const CONTESTANTS = {
  express: 'Express {express}, `server.close()` after the delay',
  'http-terminator': 'http-terminator {http-terminator}',
  stoppable: 'stoppable {stoppable}',
  terminus: '@godaddy/terminus {@godaddy/terminus}',
  'http-graceful-shutdown': 'http-graceful-shutdown {http-graceful-shutdown}',
  lightship: 'lightship {lightship}',
  fastify: 'Fastify {fastify} with close-with-grace {close-with-grace}',
  'nestjs-graceful-shutdown': 'nestjs-graceful-shutdown {nestjs-graceful-shutdown}',
  nest: "Nest {@nestjs/core}, `enableShutdownHooks()`, Terminus's `gracefulShutdownTimeoutMs`",
  'nest-force-close': '… with `forceCloseConnections`',
  'nest-503': '… with `return503OnClosing`',
  'port-binding': '**port-binding** {port-binding} with Express',
  'port-binding-nest': '**port-binding** {port-binding} with Nest',
};

/** A platform would kill an instance that has not ended by then. */
const KILL_MS = 30_000;

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !(name in CONTESTANTS));
if (unknown.length > 0)
  fail(`Not a contestant: ${unknown.join(', ')}. There are ${Object.keys(CONTESTANTS).join(', ')}.`);
if (!HAPROXY) fail('The balancer is HAProxy, which is not installed: apt-get install haproxy');

installPeers();
installEngine();

const rows = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(CONTESTANTS)) {
  const [l4, l7] = await Promise.all([roll(name, 'tcp'), roll(name, 'http')]);
  rows.push(`| ${title(name)} | ${lost(l4)} | ${lost(l7)} | ${ends([...l4.ends, ...l7.ends])} |`);
}

const command = ['npm run bench:drain', ...(positionals.length > 0 ? ['--', ...positionals] : [])].join(' ');
const haproxy = /version (\S+?)[- ]/.exec(execFileSync(HAPROXY, ['-v'], { encoding: 'utf8' }))[1];
const table = `| | lost behind L4 | lost behind L7 | ended with |
| --- | --- | --- | --- |
${rows.join('\n')}

\`${command}\` on ${new Date().toISOString().slice(0, 10)}, Node.js ${process.versions.node}, HAProxy ${haproxy}.
`;
console.log(table);

const parts = readFileSync(README, 'utf8').split(/(?<=<!-- bench\/drain -->\n)[^]*(?=<!-- \/bench\/drain -->)/);
if (positionals.length === 0) writeFileSync(README, parts.join(`\n${table}\n`));
process.exit(); // HAProxy may linger.

/** Replaces a contestant's instances, and gives what the load lost and how each of them ended. */
async function roll(name, mode) {
  const ended = [];
  const {
    sent,
    lost: count,
    losses,
  } = await rollingDeploy({
    balancer: await HAProxy.start('inter 1s fall 2', mode),
    program: join(BENCH, `drain/contestants/${name}.js`),
    times: 2,
    requests: 0,
    more: 9, // 30 of 43 clients keep their connections.
    async onDrain(service) {
      const began = performance.now();
      const timer = setTimeout(() => service.kill('SIGKILL'), KILL_MS);
      const { code, signal } = await service.exit;
      clearTimeout(timer);
      ended.push({ status: code ?? signal, seconds: (performance.now() - began) / 1000 });
    },
  });
  console.error(`${name} behind ${mode === 'tcp' ? 'L4' : 'L7'}: ${count} of ${sent} lost`, losses, ended);
  return { sent, lost: count, ends: ended };
}

function lost({ lost: count, sent }) {
  return `${count} of ${sent.toLocaleString('en')}`;
}

/** By status: how many ended with it, and after how many seconds at most. */
function ends(all) {
  return [...new Set(all.map(({ status }) => status))]
    .map((status) => {
      const same = all.filter((each) => each.status === status);
      const most = Math.max(...same.map(({ seconds }) => seconds)).toFixed(1);
      return `${status === 'SIGKILL' ? 'killed' : status}: ${same.length} of ${all.length}, after ${most} s`;
    })
    .join('; ');
}

function title(name) {
  return CONTESTANTS[name].replace(/\{(.+?)\}/g, (_, dependency) => {
    const { version } = JSON.parse(readFileSync(join(BENCH, 'node_modules', dependency, 'package.json'), 'utf8'));
    return version;
  });
}

/** Puts the engine beside the peers, as npm would install it: it then uses the same Nest as they do. */
function installEngine() {
  const folder = mkdtempSync(join(tmpdir(), 'port-binding-'));
  const to = join(BENCH, 'node_modules/port-binding');
  const pack = ['pack', '--silent', '--workspace', 'port-binding', '--pack-destination', folder];
  execFileSync('npm', pack, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'packages/port-binding/package.json'), 'utf8'));
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to);
  execFileSync('tar', ['xzf', join(folder, `port-binding-${version}.tgz`), '--strip-components=1', '-C', to]);
  rmSync(folder, { recursive: true });
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
