import { spawnSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import packageJson from '../../package.json' with { type: 'json' };
import { installed } from '../balancers/balancer.js';
import { HAPROXY, HAProxy } from '../balancers/haproxy.js';
import { rollingDeploy } from '../rolling/deploy.js';
import { Connection, get, slow } from '../support/connection.js';
import { describeWith } from '../support/requirement.js';
import { Program, emptyFolder, run, start } from '../support/service.js';

async function metrics(url: string, accept = '*/*'): Promise<string> {
  const response = await fetch(`${url}/metrics`, { headers: { Accept: accept } });
  expect(response.status).toBe(200);
  return response.text();
}

/** The value of the one sample whose name and labels match. */
const value = (text: string, sample: RegExp) => Number(new RegExp(`^${sample.source} (\\S+)$`, 'm').exec(text)?.at(-1));

const labels = (route: string, status: number) =>
  `http_request_method="GET",http_route="${route}",http_response_status_code="${status}",error_type=""`;

describe('GET /metrics', () => {
  it('counts requests by method, by the pattern of their route, and by status', async () => {
    const { url } = await start();
    for (const path of ['/delay/0', '/delay/0.01', '/delay/x', '/nowhere/1', '/nowhere/2']) await fetch(url + path);
    const text = await metrics(url);
    const count = (labelled: string) =>
      value(text, new RegExp(`http_server_request_duration_seconds_count\\{${labelled}\\}`));
    expect(count(labels('/delay/:seconds', 200))).toBe(2);
    expect(count(labels('/delay/:seconds', 400))).toBe(1);
    expect(count(labels('', 404))).toBe(2);
  });

  it('tells the bound port, the build, the phase, what is open and in flight, and of the process', async () => {
    const { url, port, service } = await start({ REVISION: 'abc1234' });
    const text = await metrics(url);
    expect(value(text, new RegExp(`port_binding_info\\{address="::",port="${port}"\\}`))).toBe(1);
    const build = `build_info\\{name="${packageJson.name}",version="${packageJson.version}",revision="abc1234",node="v\\d.*"\\}`;
    expect(value(text, new RegExp(build))).toBe(1);
    expect(value(text, /drain_phase\{phase="serving"\}/)).toBe(1);
    expect(value(text, /drain_phase\{phase="draining"\}/)).toBe(0);
    expect(value(text, /http_server_active_requests/)).toBe(1);
    expect(value(text, /http_server_open_connections\{protocol="http"\}/)).toBeGreaterThanOrEqual(1);
    expect(value(text, /process_cpu_seconds_total/)).toBeGreaterThan(0);
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);
    expect(value(await metrics(url), /drain_phase\{phase="draining"\}/)).toBe(1);
  });

  it('counts an answer that was cut off as such', async () => {
    const { url, port } = await start();
    const client = (await Connection.open(port)).send(get('/delay/9'));
    await (await Connection.open(port)).request(get('/'));
    client.close();
    const cutOff =
      /http_server_request_duration_seconds_count\{http_request_method="GET",http_route="\/delay\/:seconds",http_response_status_code="",error_type="cut_off"\}/;
    let counted = Number.NaN;
    while (Number.isNaN(counted)) counted = value(await metrics(url), cutOff);
    expect(counted).toBe(1);
  });

  it('has no more series after 10,000 paths and methods that nobody knows', async () => {
    const { url, port } = await start();
    const client = await Connection.open(port);
    // Not those of the process: V8 may need a kind of garbage collection meanwhile that it has not needed before.
    const series = async () => (await metrics(url)).match(/^http_server_\S+/gm)!.toSorted();
    await client.request(get('/nowhere'));
    await client.request('PROPFIND /nowhere HTTP/1.1\r\nHost: x\r\n\r\n');
    await metrics(url);
    const before = await series();
    for (let i = 0; i < 10_000; i++) {
      await client.request(`${i % 2 ? 'GET' : 'PURGE'} /${Math.random()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    }
    expect(await series()).toEqual(before);
  });

  it('is OpenMetrics for who asks for that', async () => {
    const { url } = await start();
    const text = await metrics(url, 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5');
    expect(text.endsWith('# EOF\n')).toBe(true);
    expect(text).toMatch(/^# TYPE process_cpu_seconds counter$/m);
    expect(await metrics(url)).toMatch(/^# TYPE process_cpu_seconds_total counter$/m); // and for everyone else still not
  });
});

describe('METRICS_PORT', () => {
  it('has the metrics on a port of their own, and no longer on PORT, until the process ends', async () => {
    const { service, url } = await start({ METRICS_PORT: '0' });
    const { port } = await service.logged(/^Metrics on port \d+$/);
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
    const own = `http://127.0.0.1:${String(port)}`;
    expect(await metrics(own)).toContain('port_binding_info');
    expect((await fetch(own)).status).toBe(404);
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);
    expect(value(await metrics(own), /drain_phase\{phase="draining"\}/)).toBe(1);
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  it('answers GET, HEAD and OPTIONS, and no other method', async () => {
    const { service } = await start({ METRICS_PORT: '0' });
    const { port } = await service.logged(/^Metrics on port \d+$/);
    const statuses = ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'].map(
      async (method) => (await fetch(`http://127.0.0.1:${String(port)}/metrics`, { method })).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 200, 405, 405, 204]);
  });

  it('is refused when another program has it, or when it is PORT', async () => {
    const other = createServer().listen(0);
    const { port } = other.address() as AddressInfo;
    const taken = run({ PORT: '0', METRICS_PORT: String(port) });
    expect(await taken.exit).toEqual({ code: 1, signal: null });
    expect(taken.stderr).toMatch(new RegExp(`^Port ${port} is taken by another program: .*\\n$`));
    other.close();
    const same = run({ PORT: '4000', METRICS_PORT: '4000' });
    expect(await same.exit).toEqual({ code: 1, signal: null });
    expect(same.stderr).toMatch(/^METRICS_PORT is "4000": it must differ from PORT, .*\n$/);
  });
});

const PROMETHEUS = installed('prometheus');

describeWith(
  PROMETHEUS !== undefined && HAPROXY !== undefined,
  'Prometheus and HAProxy',
  'Install them: apt-get install prometheus haproxy',
)('a Prometheus', () => {
  it('finds nothing wrong with the metrics', async () => {
    const { url } = await start();
    await fetch(`${url}/nowhere`);
    const check = spawnSync(installed('promtool')!, ['check', 'metrics'], {
      input: await metrics(url),
      encoding: 'utf8',
    });
    expect([check.status, check.stdout, check.stderr]).toEqual([0, '', '']);
  });

  it('has seen every request of a load under which three instances are replaced', async () => {
    const prometheus = await Prometheus.start();
    const helds = new Map<Program, Held>();
    const { sent, losses, exits } = await rollingDeploy({
      balancer: await HAProxy.start('inter 200ms fall 2'),
      env: { METRICS_PORT: '0', DRAIN_DELAY_MS: '3000', SHUTDOWN_TIMEOUT_MS: '600000' },
      times: 1,
      requests: 3000,
      async onStart(service, port) {
        const { port: metricsPort } = (await service.logged(/^Metrics on port/)) as unknown as { port: number };
        prometheus.scrape(metricsPort);
        // An instance waits for this one, and does not end before Prometheus has asked it for the last time.
        const request = (await Connection.open(port)).send(slow('GET', '/health', 2));
        helds.set(service, { metricsPort, request });
      },
      async onDrain(service) {
        await service.logged(/^Stopped accepting connections$/);
        const { metricsPort, request } = helds.get(service)!;
        const own = async () => metrics(`http://127.0.0.1:${metricsPort}`);
        while (value(await own(), /http_server_active_requests/) !== 1);
        const counted = sum(await own());
        const instance = `instance="127.0.0.1:${metricsPort}"`;
        while ((await prometheus.query(`drain_phase{phase="closing",${instance}}`)) !== 1);
        while ((await prometheus.query(`sum(${LOAD.replace('}', `,${instance}}`)})`)) !== counted);
        request.send('{}');
      },
      async onEnd(load) {
        while ((await prometheus.query(SEEN)) < load.sent);
      },
    });
    expect(losses).toEqual({});
    expect(await prometheus.query(SEEN)).toBe(sent);
    expect(exits).toEqual([0, 0, 0]);
    expect(await prometheus.query('count(max_over_time(drain_phase{phase="closing"}[10m]) == 1)')).toBe(3);
    prometheus.stop();
  });
});

interface Held {
  metricsPort: number;
  request: Connection;
}

/** What a load has asked for: health checks are no part of it. */
const LOAD = 'http_server_request_duration_seconds_count{http_route!~"/health.*"}';

/** With the last value of those instances that have ended. */
const SEEN = `sum(max_over_time(${LOAD}[10m]))`;

/** The same as an instance itself tells it. */
function sum(text: string): number {
  const counts = text.matchAll(/^http_server_request_duration_seconds_count\{(?!.*http_route="\/health).*\} (\d+)$/gm);
  return [...counts].reduce((total, [, count]) => total + Number(count), 0);
}

/** A real one, that asks each instance once a second. */
class Prometheus {
  private readonly instances: number[] = [];

  private constructor(
    private readonly port: number,
    private readonly targets: string,
    private readonly program: Program,
  ) {}

  static async start(): Promise<Prometheus> {
    const [port, folder] = [await freePort(), emptyFolder()];
    const [targets, config] = [join(folder, 'targets.json'), join(folder, 'prometheus.yml')];
    const discovery = [{ files: [targets], refresh_interval: '1s' }];
    const global = { scrape_interval: '1s' };
    writeFileSync(
      config,
      JSON.stringify({ global, scrape_configs: [{ job_name: 'service', file_sd_configs: discovery }] }),
    );
    const listen = `--web.listen-address=127.0.0.1:${port}`;
    const program = new Program(
      PROMETHEUS!,
      [`--config.file=${config}`, `--storage.tsdb.path=${folder}/data`, listen],
      {},
    );
    const prometheus = new Prometheus(port, targets, program);
    await prometheus.ready();
    return prometheus;
  }

  scrape(instance: number): void {
    this.instances.push(instance);
    // In one step, as Prometheus may read it at any moment.
    writeFileSync(
      `${this.targets}.new`,
      JSON.stringify([{ targets: this.instances.map((each) => `127.0.0.1:${each}`) }]),
    );
    renameSync(`${this.targets}.new`, this.targets);
  }

  /** The value of an expression that has one. */
  async query(expression: string): Promise<number> {
    const answer = await this.get(`/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`);
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? 0);
  }

  stop(): void {
    this.program.kill('SIGKILL');
  }

  private async ready(): Promise<void> {
    for (;;) {
      const answer = await this.get('/-/ready').catch(() => undefined);
      if (answer?.ok === true) return;
      if (this.program.process.exitCode !== null) throw new Error(`Prometheus ended: ${this.program.stderr}`);
      await delay(50);
    }
  }

  private async get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`);
  }
}
