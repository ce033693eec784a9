// What one instance takes on: how much it answers as its load doubles, and how much in how little memory.
import { execFileSync, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { BENCH, contestants, ROOT } from './contestants.js';
import { installPeers } from './peers.js';
import { Server } from './server.js';

const smoke = process.argv.includes('--smoke');

const CONNECTIONS = smoke ? [32, 64] : [32, 64, 128, 256, 512, 1024, 2048];
const REQUESTS = smoke ? 1_000 : 30_000;

/** Just below the limit of a JSON body, from more clients than fit into the memory unless it is bounded. */
const BODY = JSON.stringify(['x'.repeat(95_000)]);
const POSTS = smoke ? 100 : 5_000;
const CLIENTS = 200;
const LIMITS_MIB = [128, 256];
const IMAGE = 'port-binding-service:bench';

installPeers();
await measureDoublingLoad();
if (spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0) {
  await measureMemory();
} else {
  console.log('Left out: throughput in little memory, which needs a Docker engine.');
}

async function measureDoublingLoad() {
  const generator = fork(join(BENCH, 'load.js'));
  const server = await Server.start(contestants.at(-1));
  const { pid, port } = server;
  const throughput = [];
  // The first round is to warm up: V8 goes on compiling what is hot for some 50,000 requests.
  for (const connections of [CONNECTIONS[0], ...CONNECTIONS]) {
    generator.send({ job: 'load', pid, port, path: '/', connections, requests: REQUESTS });
    // oxlint-disable-next-line no-await-in-loop
    const [{ measured, error }] = await once(generator, 'message');
    if (error) throw new Error(`Under load: ${error}`);
    throughput.push({ connections, ...measured });
  }
  generator.disconnect();
  await server.stop();

  const peak = Math.max(...throughput.slice(1).map(({ perSecond }) => perSecond));
  console.log('| Connections | Requests a second, of the most | p50 ms | p99 ms |\n| ---: | ---: | ---: | ---: |');
  for (const { connections, perSecond, p50, p99 } of throughput.slice(1)) {
    console.log(`| ${connections} | ${percent(perSecond / peak)} | ${p50.toFixed(1)} | ${p99.toFixed(1)} |`);
  }
}

async function measureMemory() {
  execFileSync('docker', ['build', '--quiet', '--network', 'host', '--tag', IMAGE, ROOT], { stdio: 'ignore' });
  console.log('\n| Memory | Posts of 95 kB a second | refused | peak |\n| ---: | ---: | ---: | ---: |');
  for (const limit of LIMITS_MIB) {
    const memory = ['--memory', `${limit}m`, '--memory-swap', `${limit}m`];
    const id = docker('run', '--detach', '--rm', '--publish', '127.0.0.1::3000', ...memory, IMAGE);
    try {
      // oxlint-disable-next-line no-await-in-loop
      console.log(`| ${limit} MiB | ${(await postTo(id)).join(' | ')} |`);
    } finally {
      docker('rm', '--force', id);
    }
  }
}

async function postTo(id) {
  const [, port] = /:(\d+)$/m.exec(docker('port', id, '3000/tcp'));
  // oxlint-disable-next-line no-await-in-loop
  while (!(await post(port).catch(() => false)));
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const began = performance.now();
  const statuses = await Promise.all(Array.from({ length: POSTS }, () => post(port, agent)));
  const seconds = (performance.now() - began) / 1000;
  agent.destroy();
  const refused = statuses.filter((status) => status === 503).length;
  return [Math.round(POSTS / seconds), percent(refused / POSTS), `${Math.round(peakMemory(id) / 2 ** 20)} MiB`];
}

async function post(port, agent = false) {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': BODY.length };
  const outgoing = request({ host: '127.0.0.1', port, path: '/', method: 'POST', agent, headers }).end(BODY);
  const [response] = await once(outgoing, 'response');
  await once(response.resume(), 'end');
  return response.statusCode;
}

/** As the kernel counts it for the container, in version 2 or 1 of control groups. */
function peakMemory(id) {
  const read = `const { readFileSync } = require('fs');
    try { console.log(readFileSync('/sys/fs/cgroup/memory.peak', 'utf8')) }
    catch { console.log(readFileSync('/sys/fs/cgroup/memory/memory.max_usage_in_bytes', 'utf8')) }`;
  return Number(docker('exec', id, '/nodejs/bin/node', '--eval', read));
}

function docker(...args) {
  return execFileSync('docker', args, { encoding: 'utf8' }).trim();
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
