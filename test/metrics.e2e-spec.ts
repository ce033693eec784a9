import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import packageJson from '../package.json' with { type: 'json' };
import { installed } from './rolling/balancer.js';
import { Connection, get } from './support/connection.js';
import { freePort } from './support/free-port.js';
import { describeWith } from './support/requirement.js';
import { Program, emptyFolder, run, start } from './support/service.js';

async function metrics(url: string, accept = '*/*'): Promise<string> {
  const response = await fetch(`${url}/metrics`, { headers: { Accept: accept } });
  expect(response.status).toBe(200);
  return response.text();
}

/** The value of the one sample whose name and labels match. */
const value = (text: string, sample: RegExp) => Number(new RegExp(`^${sample.source} (\\S+)$`, 'm').exec(text)?.at(-1));

describe('GET /metrics', () => {
  it('counts requests by method, by the pattern of their route, and by status', async () => {
    const { url } = await start();
    for (const path of ['/delay/0', '/delay/0.01', '/delay/x', '/nowhere/1', '/nowhere/2']) await fetch(url + path);
    const text = await metrics(url);
    const count = (labels: string) =>
      value(text, new RegExp(`http_server_request_duration_seconds_count\\{${labels}\\}`));
    const labels = (route: string, status: number) =>
      `http_request_method="GET",http_route="${route}",http_response_status_code="${status}",error_type=""`;
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
    while (value(await metrics(url), cutOff) !== 1) await delay(20);
  });

  it('has no more series after 10,000 paths and methods that nobody knows', async () => {
    const { url, port } = await start();
    const client = await Connection.open(port);
    const series = async () => {
      const lines = (await metrics(url)).split('\n').filter((line) => line && !line.startsWith('#'));
      return lines.map((line) => line.replace(/ \S+$/, '')).toSorted();
    };
    await client.request(get('/nowhere'));
    await client.request('PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n');
    await metrics(url);
    const before = await series();
    const flood = Array.from(
      { length: 100 },
      (_, i) => `${i % 2 ? 'GET' : 'PURGE'} /${Math.random()} HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    for (let round = 0; round < 100; round++) for (const request of flood) await client.request(request);
    expect(await series()).toEqual(before);
  });

  it('is OpenMetrics for who asks for that', async () => {
    const { url } = await start();
    const text = await metrics(url, 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5');
    expect(text.endsWith('# EOF\n')).toBe(true);
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

  it('is refused when another program has it, or when it is PORT', async () => {
    const other = createServer().listen(0);
    const { port } = other.address() as AddressInfo;
    const taken = run({ PORT: '0', METRICS_PORT: String(port) });
    expect(await taken.exit).toEqual({ code: 1, signal: null });
    expect(taken.stderr).toMatch(new RegExp(`^Port ${port} is taken by another program: .* METRICS_PORT, .*\\n$`));
    other.close();
    const same = run({ PORT: '4000', METRICS_PORT: '4000' });
    expect(await same.exit).toEqual({ code: 1, signal: null });
    expect(same.stderr).toMatch(/^METRICS_PORT is "4000": it must be another than PORT, .*\n$/);
  });
});

const PROMETHEUS = installed('prometheus');

describeWith(
  PROMETHEUS !== undefined,
  'Prometheus',
  'Install it: apt-get install prometheus',
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

  it('has seen every request of a load that goes over from one instance to the next', async () => {
    const port = await freePort();
    const folder = emptyFolder();
    const targets = join(folder, 'targets.json');
    const aim = (...instances: number[]) =>
      writeFileSync(targets, JSON.stringify([{ targets: instances.map((each) => `127.0.0.1:${each}`) }]));
    const first = await start({ DRAIN_DELAY_MS: '3000' });
    aim(first.port);
    writeFileSync(
      join(folder, 'prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '250ms', scrape_timeout: '250ms' },
        scrape_configs: [{ job_name: 'service', file_sd_configs: [{ files: [targets], refresh_interval: '1s' }] }],
      }),
    );
    const prometheus = new Program(
      PROMETHEUS!,
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      {},
    );
    const query = async (text: string) => {
      const answer = await fetch(
        `http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query: text }).toString()}`,
      );
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      return Number(data.result[0]?.value[1] ?? 0);
    };
    const seen = async () => {
      try {
        return await query(
          'sum(max_over_time(http_server_request_duration_seconds_count{http_route="/delay/:seconds"}[5m]))',
        );
      } catch {
        return 0; // it does not listen yet
      }
    };
    const ask = async (instance: { url: string }, times: number) => {
      for (let i = 0; i < times; i++) expect((await fetch(`${instance.url}/delay/0`)).status).toBe(200);
    };

    await ask(first, 100);
    while ((await seen()) < 100) await delay(50);
    const second = await start();
    aim(first.port, second.port);
    await ask(second, 1);
    while ((await seen()) < 101) await delay(50);
    first.service.kill('SIGTERM');
    await first.service.logged(/^SIGTERM: draining$/);
    await ask(first, 50); // those of a balancer that has not noticed yet
    await ask(second, 149);
    while ((await seen()) < 300) await delay(50);
    expect(await query('count(drain_phase{phase="draining"} == 1) or vector(0)')).toBeLessThanOrEqual(1);
    expect(await first.service.exit).toEqual({ code: 0, signal: null });
    expect(await seen()).toBe(300);
    prometheus.kill('SIGKILL');
  });
});
