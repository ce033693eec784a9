import { beforeAll, expect, it } from '@jest/globals';
import type { Balancer } from './balancers/balancer.js';
import { CADDY, Caddy } from './balancers/caddy.js';
import { EnvoySidecar } from './balancers/envoy-sidecar.js';
import { ENVOY, Envoy } from './balancers/envoy.js';
import { startHAProxyReload } from './balancers/haproxy-reload.js';
import { HAPROXY, HAProxy } from './balancers/haproxy.js';
import { KEEPS_IDLE, NGINX, startNginxReload } from './balancers/nginx.js';
import { TRAEFIK, Traefik } from './balancers/traefik.js';
import { rollingDeploy } from './rolling/deploy.js';
import { buildFork, describeWithForks } from './support/fork.js';
import { describeWith } from './support/requirement.js';

interface Case {
  name: string;
  program: string | undefined;
  start: () => Promise<Balancer>;
  /** What it loses itself, and nobody else can help. */
  own?: RegExp;
}

const NONE = /(?!)/;

/**
 * Servers in Go close a connection soon after an answer that came before they had read its upload, or take the rest of that
 * for another request: so they do outside of a deploy, and the more the busier the machine is.
 */
const GO = /^(EPIPE|ECONNRESET|431) to an upload$/;

const CASES: Case[] = [
  { name: 'HAProxy, with slots', program: HAPROXY, start: async () => HAProxy.start('inter 2s fall 2') },
  { name: 'HAProxy, reloaded', program: HAPROXY, start: startHAProxyReload },
  { name: 'nginx, reloaded', program: NGINX, start: startNginxReload, own: KEEPS_IDLE ? NONE : /^ECONNRESET/ },
  { name: 'Envoy, told by a file', program: ENVOY, start: async () => Envoy.start() },
  { name: 'Envoy, as sidecars as well', program: ENVOY, start: async () => EnvoySidecar.start() },
  { name: 'Traefik, told by a file', program: TRAEFIK, start: async () => Traefik.start(), own: GO },
  { name: 'Caddy, with a list', program: CADDY, start: async () => Caddy.start(), own: GO },
];

describeWithForks()('a rolling deploy', () => {
  let program: string;

  beforeAll(() => {
    ({ program } = buildFork(['streams']));
  });

  for (const { name, program: installed, start, own = NONE } of CASES) {
    describeWith(
      installed !== undefined,
      name,
      'Install it, or put it into PATH',
    )(`behind ${name},`, () => {
      it('loses no request of 10,000 with the default drain delay', async () => {
        const balancer = await start();
        const deploy = { balancer, program, times: 1, requests: 10_000, events: '/streams/ticks' };
        const { sent, losses, exits } = await rollingDeploy(deploy);
        console.log(`${name}: ${sent} requests, lost ${JSON.stringify(losses)}`);
        expect(Object.keys(losses).filter((loss) => !own.test(loss))).toEqual([]);
        expect(sent).toBeGreaterThanOrEqual(10_000);
        expect(exits).toEqual([0, 0, 0]);
      });
    });
  }
});
