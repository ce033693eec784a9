import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import { validate } from '../src/environment.js';
import { installed } from './balancers/balancer.js';
import { startLoad } from './rolling/load.js';
import { Connection } from './support/connection.js';
import { ENVIRONMENT } from './support/environment.js';
import { describeWith } from './support/requirement.js';
import { Program, emptyFolder, onCleanUp, start } from './support/service.js';

const UNIT = 'deploy/systemd/port-binding-service@.service';
const SOCKET = 'deploy/systemd/port-binding-service@.socket';

/** What the unit sets, in its order. */
const SETTINGS = [...readFileSync(UNIT, 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]);

const settings = (name: string) => SETTINGS.filter(([each]) => each === name).map(([, value]) => value);

/** As if the host had the units, and an instance of them on port 5001. */
function unit(): string {
  const folder = emptyFolder();
  const [file] = [UNIT, SOCKET].map((each) => join(folder, basename(each).replace('@', '@5001')));
  cpSync(UNIT, file!);
  cpSync(SOCKET, file!.replace('.service', '.socket'));
  return file!;
}

describeWith(
  installed('systemd-analyze') !== undefined,
  'systemd-analyze',
  'Install it: apt-get install systemd',
)('the systemd unit', () => {
  it('has nothing in it that systemd does not understand', () => {
    const service = unit();
    const files = [service, service.replace('.service', '.socket')];
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: '' });
  });

  it('leaves the service little to do but to bind its port: 2 of 10 and below, where the green ends at 5', () => {
    const report = execFileSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', unit()], {
      encoding: 'utf8',
    });
    expect(report).toMatch(/Overall exposure level for .*: [01]\.\d OK/);
  });
});

/** Makes a control group with a limit on its memory, in bytes, as systemd does for `MemoryMax=`: in version 1 or 2. */
function controlGroup(limit: number): string | undefined {
  for (const [root, file] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = join(root, `port-binding-test-${process.pid}`);
    try {
      mkdirSync(group);
      onCleanUp(() => spawnSync('rmdir', [group]));
      writeFileSync(join(group, file), String(limit));
      return group;
    } catch {
      // It is the other version, or only root may do so.
    }
  }
  return undefined;
}

const group = controlGroup(128 * 1024 * 1024);

describeWith(
  group !== undefined,
  'a control group',
  'Run the tests as root, on Linux.',
)('MemoryMax=', () => {
  it('sets the bounds of the service', async () => {
    const via = ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh'];
    const { service, port } = await start({ DRAIN_DELAY_MS: '0' }, { via });
    const clients = await Promise.all(Array.from({ length: 1100 }, () => Connection.open(port)));
    expect(await service.logged(/^At capacity$/)).toMatchObject({ maxConnections: 1024 });
    clients.forEach((client) => client.close());
    service.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });
});

describe('an instance of the systemd unit', () => {
  it('binds the port that it is named after, whatever the file of settings says', async () => {
    const port = String(await freePort());
    const [command, ...args] = settings('ExecStart')[0]!.replaceAll('%i', port).split(' ');
    const service = new Program(command!, args, { env: { ...process.env, PORT: '1' } });
    expect(await service.listening()).toBe(Number(port));
    service.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  it('is given longer to end than its own shutdown timeout takes', () => {
    const { SHUTDOWN_TIMEOUT_MS } = validate(ENVIRONMENT);
    expect(Number(settings('TimeoutStopSec')[0]) * 1000).toBeGreaterThan(SHUTDOWN_TIMEOUT_MS + 2000);
  });
});

/**
 * Keeps the socket that systemd-socket-activate hands over, and restarts the service as systemd does: the next one starts
 * when the last one has ended.
 */
const SUPERVISOR = `while :; do sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@" & wait $!; echo "ended: $?"; done`;

/** A port on which systemd listens. It starts the command at the first connection. */
async function activate(command: string[], env: Record<string, string> = {}): Promise<[Program, number]> {
  const port = await freePort();
  const variables = Object.entries({ ...ENVIRONMENT, ...env }).flatMap(([name, value]) => ['-E', `${name}=${value}`]);
  const args = [`--listen=127.0.0.1:${port}`, ...variables, ...command];
  const program = new Program('systemd-socket-activate', args, {});
  while (!program.stderr.includes('Listening on')) await delay(20);
  return [program, port];
}

describeWith(
  installed('systemd-socket-activate') !== undefined,
  'systemd-socket-activate',
  'Install it: apt-get install systemd',
)('a socket that systemd hands over', () => {
  const SERVICE = [process.execPath, '--enable-source-maps', resolve('dist/main.js')];

  it('is listened on: the connection that starts the service is answered, with the bound address', async () => {
    const [service, port] = await activate(SERVICE);
    const health = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as object;
    expect(health).toMatchObject({ details: { http: { address: '127.0.0.1', family: 'IPv4', port } } });
    expect(await service.listening()).toBe(port);
    service.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  it('keeps as many connections waiting as the kernel allows', async () => {
    const [service, port] = await activate(SERVICE);
    await fetch(`http://127.0.0.1:${port}/`);
    const [, backlog] = /LISTEN\s+\d+\s+(\d+)/.exec(
      execFileSync('ss', ['-ltn', `sport = ${port}`], { encoding: 'utf8' }),
    )!;
    expect(backlog).toBe(readFileSync('/proc/sys/net/core/somaxconn', 'utf8').trim());
    service.kill('SIGTERM');
    await service.exit;
  });

  it.each([
    [
      'another PORT',
      { PORT: '1' },
      /^Port 1 is requested, but the inherited socket is bound to port \d+: leave the port out\.$/m,
    ],
    [
      'another HOST',
      { HOST: '127.0.0.2' },
      /^The host 127\.0\.0\.2 is requested, but the inherited socket is bound to 127\.0\.0\.1: leave the host out\.$/m,
    ],
  ])('is refused beside %s', async (_, env, line) => {
    const [service, port] = await activate(SERVICE, env);
    const answer = fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(line);
    expect(await answer).toBeUndefined();
  });

  it('is not for a process that only inherits the variables', async () => {
    const { service, port } = await start({ LISTEN_PID: '1', LISTEN_FDS: '1' });
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    service.kill('SIGTERM');
    await service.exit;
  });

  it('loses no request under load when the service is restarted twenty times', async () => {
    const env = { DRAIN_DELAY_MS: '1000' };
    const [supervisor, port] = await activate(['sh', '-c', SUPERVISOR, 'sh', ...SERVICE], env);
    const load = startLoad({ host: '127.0.0.1', port });
    const started = () => supervisor.log.filter(({ message }) => message === `Listening on port ${port}`);
    for (let restart = 0; restart < 20; restart++) {
      while (started().length <= restart) await delay(20);
      await load.reach(load.sent + 100);
      process.kill(started().at(-1)!['pid'] as number, 'SIGTERM');
    }
    while (started().length <= 20) await delay(20);
    await load.reach(load.sent + 100);
    await load.stop();
    expect(Object.fromEntries(load.losses)).toEqual({});
    expect(supervisor.stdout.match(/^ended: .*$/gm)).toEqual(Array.from({ length: 20 }, () => 'ended: 0'));
    supervisor.kill('SIGKILL');
    process.kill(started().at(-1)!['pid'] as number, 'SIGTERM');
    await supervisor.exit;
  }, 900_000);
});
