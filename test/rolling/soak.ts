/**
 * An hour of rolling deploys, one after another, behind two balancers at a time: `npm run soak`. With a number behind `--`
 * it takes so many minutes. Beside the instances that are replaced one stays behind each balancer, to see what it holds.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Balancer } from '../balancers/balancer.js';
import { Envoy } from '../balancers/envoy.js';
import { HAProxy } from '../balancers/haproxy.js';
import { start } from '../support/service.js';
import { rollingDeploy } from './deploy.js';

const minutes = Number(process.argv[2] ?? 60);
const end = performance.now() + minutes * 60_000;

async function soak(name: string, balancer: Balancer) {
  const { service, port } = await start();
  await balancer.join({ service, port });
  const megabytes = () => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(service.process.pid)])) / 1024;
  const memory: number[] = [];
  let told = performance.now();
  const { sent, lost, losses, exits } = await rollingDeploy({
    balancer,
    times: Infinity,
    requests: 0,
    more: 20, // for five million requests in an hour
    goOn: () => performance.now() < end,
    onProgress(_, load) {
      if (performance.now() - told < 60_000) return;
      told += 60_000;
      memory.push(megabytes());
      console.log(`${name}: ${load.sent} requests, ${load.lost} lost, ${memory.at(-1)!.toFixed()} MB`);
    },
  });
  service.kill('SIGKILL');
  const failed = exits.filter((code) => code !== 0).length;
  return { name, requests: sent, lost, losses: JSON.stringify(losses), replaced: exits.length, failed, memory };
}

const outcomes = await Promise.all([
  soak('HAProxy', await HAProxy.start('inter 2s fall 2')),
  soak('Envoy', await Envoy.start()),
]);
console.log(`${minutes} minutes on ${availableParallelism()} processors:`);
console.table(
  outcomes.map(({ memory, ...outcome }) => ({
    ...outcome,
    'MB after a minute': memory[0]?.toFixed(),
    'at most': Math.max(...memory).toFixed(),
    'at the end': memory.at(-1)?.toFixed(),
  })),
);
process.exitCode = outcomes.some(({ lost, failed }) => lost + failed > 0) ? 1 : 0;
