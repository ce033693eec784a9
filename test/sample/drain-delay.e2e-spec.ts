import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { validate } from '../../src/environment.js';
import { ENVIRONMENT } from '../support/environment.js';

const { DRAIN_DELAY_MS, KEEP_ALIVE_TIMEOUT_MS } = validate(ENVIRONMENT);

/** The check that is under way when the signal comes still gets its 200, and the last of those that fail takes a while. */
const ANSWER_S = 1;

/** How long a draining instance may still get requests, in seconds: the formula of docs/balancers.md. */
const need = (interval: number, failures: number) => interval * failures + ANSWER_S;

/** The table in docs/balancers.md of what balancers do by default: its rows, cell by cell. */
const [, ...ROWS] = readFileSync('docs/balancers.md', 'utf8')
  .split(/^\| Balancer, by its defaults/m)[1]!
  .split('\n\n')[0]!
  .split('\n')
  .slice(1)
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, name, interval, failures, takes, idle, set]) => ({ name, interval, failures, takes, idle, set }));

/** Nothing for what is left empty, or is in words. */
const seconds = (text = '') => Number(/^([\d,]+) s$/.exec(text)?.[1]?.replace(',', '') ?? 0);

/** What is set here: where, how often that checks and after how many failures it goes by them, and the drain delay there. */
const SET: { file: string; checks: RegExp; drainDelay?: RegExp }[] = [
  { file: join('deploy', 'compose', 'haproxy.cfg'), checks: /inter (?<interval>\d+m?s) fall (?<failures>\d+)/ },
  {
    file: join('deploy', 'kubernetes', 'base', 'deployment.yaml'),
    checks: /readinessProbe:[^]*?periodSeconds: (?<interval>\d+)[^]*?failureThreshold: (?<failures>\d+)/,
    drainDelay: /name: DRAIN_DELAY_MS\n *value: '(\d+)'/,
  },
  { file: 'test/balancers/haproxy-reload.ts', checks: /inter (?<interval>\d+s) fall (?<failures>\d+)/ },
  { file: 'test/balancers/envoy.ts', checks: /no_traffic_interval: (?<interval>\d+s)/ },
  { file: 'test/balancers/envoy.ts', checks: /\binterval: (?<interval>\d+s)/ },
  { file: 'test/balancers/traefik.ts', checks: /interval: '(?<interval>\d+s)'/ },
  { file: 'test/balancers/caddy.ts', checks: /health_interval (?<interval>\d+s)/ },
];

describe('the drain delay', () => {
  it.each(ROWS)('that $name takes by its defaults is what the documentation says', ({ interval, failures, takes }) => {
    if (failures !== '') expect(seconds(takes)).toBe(need(seconds(interval), Number(failures)));
    expect(takes).toMatch(/^\d+ s$/);
  });

  it.each(ROWS)(
    'or the keep-alive timeout is too short for $name only if the documentation says what to set',
    (row) => {
      const fits = seconds(row.takes) * 1000 <= DRAIN_DELAY_MS && seconds(row.idle) * 1000 < KEEP_ALIVE_TIMEOUT_MS;
      expect(row.set === '').toBe(fits);
      if (fits) return;
      // In a balancer's own words: how often to check, if that changes, and after how many failures.
      const every = /(?:inter|interval:?|every) (\d+) ?s/.exec(row.set!)?.[1] ?? Number.parseInt(row.interval!, 10);
      const failures = /fall (\d+)/.exec(row.set!)?.[1] ?? row.failures;
      const delay = /DRAIN_DELAY_MS=(\d+)/.exec(row.set!)?.[1] ?? DRAIN_DELAY_MS;
      expect(need(Number(every), Number(failures)) * 1000).toBeLessThanOrEqual(Number(delay));
    },
  );

  it.each(SET.filter(({ file }) => existsSync(file)))('is long enough for the checks in $file', (set) => {
    const text = readFileSync(set.file, 'utf8');
    const { interval = '', failures = '1' } = set.checks.exec(text)!.groups!;
    const every = Number.parseInt(interval, 10) / (interval.endsWith('ms') ? 1000 : 1);
    const delay = Number(set.drainDelay?.exec(text)![1] ?? DRAIN_DELAY_MS);
    expect(need(every, Number(failures)) * 1000).toBeLessThanOrEqual(delay);
  });
});
