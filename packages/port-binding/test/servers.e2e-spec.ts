import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rollingDeploy } from '../src/check/clauses/rolling-deploy.js';
import { Command } from '../src/check/command.js';
import { DEFAULTS, Subject } from '../src/check/subject.js';

const HERE = resolve('packages/port-binding/test');

const SERVERS = [
  'servers/node-http.mjs',
  'servers/express.mjs',
  'servers/express-4.cjs',
  'servers/fastify.mjs',
  'servers/koa.mjs',
  'servers/hono.mjs',
  'servers/nest.mjs express',
  'servers/nest.mjs fastify',
  'nest-11/nest.cjs express',
  'nest-11/nest.cjs fastify',
];

const installed = ['servers', 'nest-11'].every((folder) => existsSync(join(HERE, folder, 'node_modules')));
if (!installed) console.warn('Left out, because their packages are not installed: servers (see CONTRIBUTING.md)');

let folder: string;

beforeAll(() => {
  // Users install the packed package beside the peers that it finds there.
  folder = mkdtempSync(join(tmpdir(), 'port-binding-'));
  if (!installed) return;
  const packed = execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    cwd: resolve('packages/port-binding'),
    encoding: 'utf8',
  }).trim();
  for (const each of ['servers', 'nest-11']) {
    cpSync(join(HERE, each), join(folder, each), { recursive: true });
    const home = join(folder, each, 'node_modules/port-binding');
    execFileSync('sh', [
      '-c',
      `mkdir "$1" && tar xzf "$2" -C "$1" --strip-components=1`,
      'sh',
      home,
      join(folder, packed),
    ]);
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

async function start(program: string, drainDelayMs: number) {
  const [file = '', ...args] = program.split(' ');
  const child = spawn(process.execPath, [join(folder, file), ...args], {
    env: { PATH: process.env['PATH'], PORT: '0', DRAIN_DELAY_MS: String(drainDelayMs) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const exit = once(child, 'exit').then(([code, signal]) => (code ?? signal) as unknown);
  const port = await new Promise<number>((found, fail) => {
    lines.on('line', (line) => /^port \d+$/.test(line) && found(Number(line.slice(5))));
    void exit.then((status) => fail(new Error(`${program} ended with ${String(status)}`)));
  });
  return { child, exit, port };
}

async function send(port: number, method: string, { agent = new Agent(), body = '' } = {}) {
  const sent = request({ port, method, agent, headers: { 'Content-Type': 'application/octet-stream' } });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return [response.headers.connection, await text(response)];
}

(installed ? describe : describe.skip).each(SERVERS)('%s', (program) => {
  it('serves during the drain delay, tells clients to close, answers what is in flight, and exits with status 0', async () => {
    const { child, exit, port } = await start(program, 2000);
    const agent = new Agent({ keepAlive: true });
    expect(await send(port, 'GET', { agent })).toEqual(['keep-alive', 'ok']);

    const upload = request({ port, method: 'POST', headers: { 'Content-Type': 'application/octet-stream' } });
    upload.write('half');
    expect(await send(port, 'GET', { agent })).toEqual(['keep-alive', 'ok']);

    child.kill('SIGTERM');
    // A response tells when the signal has been handled.
    let answer: (string | undefined)[];
    do answer = await send(port, 'GET', { agent });
    while (answer[0] === 'keep-alive');
    expect(answer).toEqual(['close', 'ok']);
    expect(await send(port, 'POST', { body: 'new' })).toEqual(['close', '3']);

    while (await reachable(port));
    upload.end('half');
    const [response] = (await once(upload, 'response')) as [IncomingMessage];
    expect([response.headers.connection, await text(response)]).toEqual(['close', '8']);
    expect(await exit).toBe(0);
  });
});

(installed ? describe : describe.skip)('rolled out under load, behind a balancer of connections', () => {
  it.each(['servers/express.mjs', 'nest-11/nest.cjs express'])('%s loses no request', async (program) => {
    const [file = '', ...args] = program.split(' ');
    process.env['DRAIN_DELAY_MS'] = '3000';
    const command = new Command([process.execPath, join(folder, file), ...args]);
    const options = { ...DEFAULTS, ready: '/ready', intervalMs: 500, graceMs: 20_000, requests: 2000 };
    for await (const { outcome, seen, details } of rollingDeploy(new Subject(command, options))) {
      expect({ outcome, seen, details }).toEqual({ outcome: 'holds', seen: expect.any(String), details: [] });
    }
  });
});

(installed ? describe : describe.skip)('a program that is compiled to CommonJS', () => {
  it.each([
    ['nodenext', 'nodenext'],
    ['commonjs', 'bundler'],
  ])('finds types: module %s, resolution %s', (module, resolution) => {
    const tsc = resolve('node_modules/typescript/bin/tsc');
    const types = ['--types', 'node', '--typeRoots', resolve('node_modules/@types')];
    const modules = ['--module', module, '--moduleResolution', resolution];
    const options = ['--noEmit', '--strict', '--skipLibCheck', ...types, ...modules];
    expect(() =>
      execFileSync(process.execPath, [tsc, ...options, 'types.cts'], {
        cwd: join(folder, 'nest-11'),
        stdio: 'inherit',
      }),
    ).not.toThrow();
  });
});

async function reachable(port: number): Promise<boolean> {
  return send(port, 'GET').then(
    () => true,
    () => false,
  );
}
