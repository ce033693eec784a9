import { execFile, execFileSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import packageJson from '../package.json' with { type: 'json' };
import { startLoad } from './rolling/load.js';
import { Connection, get, slow } from './support/connection.js';
import { Container, describeWithDocker, docker } from './support/docker.js';
import { IMAGE } from './support/image.js';
import { copyProject, edit } from './support/project.js';
import { emptyFolder } from './support/service.js';

const ENDED_WELL = { code: 0, signal: null };

const describe = describeWithDocker();

type HealthCheck = { ExitCode: number; Output: string };

const instance = async (url: string) => (await (await fetch(url)).json()) as { port: number; pid: number };

describe('docker run', () => {
  it('binds the port that -e PORT says, mapped to any port of the host', async () => {
    const hostPort = await freePort();
    const container = Container.run({}, ['--env', 'PORT=8080', '--publish', `127.0.0.1:${hostPort}:8080`]);
    expect(await container.listening()).toBe(8080);
    expect(await instance(`http://127.0.0.1:${hostPort}`)).toMatchObject({ port: 8080 });
  });

  it('binds port 3000, the one that the image exposes, without -e PORT; and is PID 1', async () => {
    const container = Container.run();
    expect(await instance(await container.url())).toMatchObject({ port: 3000, pid: 1 });
    expect(await container.inspect('{{json .Config.ExposedPorts}}')).toBe('{"3000/tcp":{}}');
  });

  it('binds a port that the system chooses when PORT=0, and the HEALTHCHECK finds it', async () => {
    const container = Container.run({ PORT: '0' });
    const port = await container.listening();
    expect(
      JSON.parse(
        await container.evaluate(`console.log(await (await fetch('http://127.0.0.1:${port}/health')).text())`),
      ),
    ).toMatchObject({
      port,
    });
    await container.health('healthy');
    // The first check may run into its time limit where the machine is busy: the one that made it healthy counts.
    const checks = JSON.parse(await container.inspect('{{json .State.Health.Log}}')) as HealthCheck[];
    expect(checks.find(({ ExitCode }) => ExitCode === 0)?.Output).toContain(`port ${port}: ready`);
  });

  it('ends with status 1 and one line in docker logs when PORT is invalid', async () => {
    const container = Container.run({ PORT: 'abc' });
    expect(await container.exit).toEqual({ code: 1, signal: null });
    expect(container.stdout).toBe('');
    expect(container.stderr).toMatch(/^PORT is "abc": .*\n$/);
  });

  it.each([
    ['a read-only root', ['--read-only']],
    ['all capabilities dropped', ['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']],
    ['an arbitrary user', ['--user', '1234567:0']],
    ['all of these', ['--read-only', '--cap-drop', 'ALL', '--user', '1234567:0']],
  ])('serves with %s', async (_, options) => {
    const container = Container.run({ PORT: '8080', DRAIN_DELAY_MS: '0' }, options);
    expect(await instance(await container.url())).toMatchObject({ port: 8080 });
    await container.health('healthy');
    container.kill('SIGTERM');
    expect(await container.exit).toEqual(ENDED_WELL);
    expect(container.stderr).toBe('');
  });

  it.each([
    ['switched off in the network', ['--sysctl', 'net.ipv6.conf.all.disable_ipv6=1'], /^(::|0\.0\.0\.0)$/],
    ['no part of the kernel', ['--security-opt', `seccomp=${withoutIPv6()}`], /^0\.0\.0\.0$/],
  ])('binds IPv4 when IPv6 is %s', async (_, options, address) => {
    const container = Container.run({}, options);
    expect(await instance(await container.url())).toMatchObject({ port: 3000 });
    expect((await container.logged(/^Listening/))['address']).toMatch(address);
    await container.health('healthy');
  });

  it('is healthy by its own port, with one for the metrics beside it', async () => {
    const container = Container.run({ METRICS_PORT: '9464' });
    expect(await instance(await container.url())).toMatchObject({ port: 3000 });
    await container.health('healthy');
    expect(await container.evaluate("console.log((await fetch('http://localhost:9464/metrics')).status)")).toBe('200');
    container.kill('SIGTERM');
    await container.health('unhealthy');
  });

  it('serves 5,000 requests under load within 128 MB of memory', async () => {
    const container = Container.run({}, ['--memory', '128m', '--memory-swap', '128m']);
    const load = startLoad({ host: '127.0.0.1', port: Number(new URL(await container.url()).port) });
    await load.reach(5000);
    await load.stop();
    expect(Object.fromEntries(load.losses)).toEqual({});
    expect(await container.inspect('{{.State.OOMKilled}} {{.HostConfig.Memory}}')).toBe(`false ${128 * 1024 * 1024}`);
  });
});

describe('docker stop', () => {
  it('drains within the ten seconds that Docker gives, and ends with status 0', async () => {
    const container = Container.run();
    await container.listening();
    await docker('stop', container.name);
    expect(await container.exit).toEqual(ENDED_WELL);
    expect(container.log.map(({ message }) => message)).toContain('Done: every request is answered');
  });

  it('makes the container unhealthy while it drains', async () => {
    const container = Container.run({ DRAIN_DELAY_MS: '60000', SHUTDOWN_TIMEOUT_MS: '61000' });
    await container.listening();
    await container.health('healthy');
    container.kill('SIGTERM');
    await container.health('unhealthy');
    expect(container.process.exitCode).toBeNull();
  });
});

describe('as PID 1, which gets no default action for a signal', () => {
  it('ends with status 0 without ever listening on a signal during start-up', async () => {
    const pipe = join(emptyFolder(), '.env'); // the start waits until it is written
    execFileSync('mkfifo', ['--mode=666', pipe]);
    const container = Container.run({}, ['--volume', `${pipe}:/app/.env`]);
    const writer = await open(pipe, 'w'); // opens when the service opens it
    container.kill('SIGTERM');
    await writer.close();
    expect(await container.exit).toEqual(ENDED_WELL);
    expect(container.stdout + container.stderr).toBe('');
  });

  it('ends at once with status 1 on a second signal', async () => {
    const container = Container.run({ DRAIN_DELAY_MS: '60000', SHUTDOWN_TIMEOUT_MS: '61000' });
    await container.listening();
    container.kill('SIGTERM');
    await container.logged(/^SIGTERM: draining$/);
    const again = setInterval(
      () => void docker('kill', '--signal', 'SIGINT', container.name).catch(() => undefined),
      50,
    );
    expect(await container.exit).toEqual({ code: 1, signal: null });
    clearInterval(again);
  });

  it('opens no debugger on SIGUSR1, and goes on', async () => {
    const container = Container.run({ DRAIN_DELAY_MS: '0' });
    await container.listening();
    container.kill('SIGUSR1');
    const debuggerPort = `fetch('http://127.0.0.1:9229/json').then(() => 'open', ({ cause }) => cause.code)`;
    expect(await container.evaluate(`console.log(await ${debuggerPort})`)).toBe('ECONNREFUSED');
    container.kill('SIGTERM');
    expect(await container.exit).toEqual(ENDED_WELL);
    expect(container.stderr).toBe('');
  });

  it('answers what is in flight, and ends with status 1 when that takes longer than the shutdown timeout', async () => {
    const patient = Container.run({ DRAIN_DELAY_MS: '1000', SHUTDOWN_TIMEOUT_MS: '250000' });
    const endless = Container.run({ DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '1000' });
    const clients = await Promise.all(
      [patient, endless].map(async (container) => {
        const port = Number(new URL(await container.url()).port);
        const client = (await Connection.open(port)).send(`${slow('GET', '/', 2)}{`);
        await (await Connection.open(port)).request(get('/')); // the service has read what was sent before it
        container.kill('SIGTERM');
        return client;
      }),
    );
    await patient.logged(/^Stopped accepting/);
    expect(await clients[0]!.send('}').answers()).toMatchObject([{ status: 200, connection: 'close' }]);
    expect(await patient.exit).toEqual(ENDED_WELL);
    expect(await endless.exit).toEqual({ code: 1, signal: null });
    expect(endless.log.at(-1)).toMatchObject({ message: 'Shutdown timeout, cut off: unanswered requests (1)' });
  });
});

describe('the image', () => {
  it('says who it is, and runs as a user with a number', async () => {
    const config = JSON.parse(await docker('inspect', '--format', '{{json .Config}}', IMAGE)) as {
      Labels: Record<string, string>;
      User: string;
      Entrypoint: string[];
      Cmd: string[];
    };
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': packageJson.name,
      'org.opencontainers.image.description': packageJson.description,
      'org.opencontainers.image.licenses': packageJson.license,
      'org.opencontainers.image.version': packageJson.version,
    });
    expect(config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    const command = packageJson.scripts['start:prod']
      .replace('exec node', '/nodejs/bin/node')
      .replace('dist/', '--max-old-space-size-percentage=50 --disable-sigusr1 dist/');
    expect([...config.Entrypoint, ...config.Cmd]).toEqual(command.split(' '));
  });

  it('is built again without installing the packages again when only src has changed', async () => {
    const project = copyProject({ dependencies: false });
    for (const file of ['Dockerfile', '.dockerignore']) cpSync(file, join(project, file));
    // Of its own, because the engine would also look at what is half built for another test.
    edit(join(project, 'package.json'), (text) => text.replace(packageJson.description, `Built at ${Date.now()}`));
    const build = async () => {
      const { stdout, stderr } = await promisify(execFile)('docker', ['build', '--network', 'host', project]);
      return stdout + stderr;
    };
    await build();
    edit(join(project, 'src/app.module.ts'), (text) => `${text}// changed at ${Date.now()}\n`);
    const again = await build();
    expect(again).toMatch(/npm ci\s+(---> Using cache|#\d+ CACHED)/);
    expect(again).not.toMatch(/npm run build\s+(---> Using cache|#\d+ CACHED)/);
  });
});

/** A seccomp profile under which the kernel knows no IPv6 sockets, as one that is built or booted without it. */
function withoutIPv6(): string {
  const file = join(copyProject({ dependencies: false }), 'seccomp.json');
  const [AF_INET6, EAFNOSUPPORT] = [10, 97];
  writeFileSync(
    file,
    JSON.stringify({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        {
          names: ['socket'],
          action: 'SCMP_ACT_ERRNO',
          errnoRet: EAFNOSUPPORT,
          args: [{ index: 0, value: AF_INET6, op: 'SCMP_CMP_EQ' }],
        },
      ],
    }),
  );
  return file;
}
