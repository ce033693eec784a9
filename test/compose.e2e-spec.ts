import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Load } from 'port-binding/check/load';
import { freePort } from 'port-binding/check/ports';
import { startLoad } from './rolling/load.js';
import { docker } from './support/docker.js';
import { IMAGE, hasDocker } from './support/image.js';
import { describeWith } from './support/requirement.js';
import { emptyFolder, onCleanUp } from './support/service.js';

const COMPOSE = [['docker', 'compose'], ['docker-compose']].find(
  ([command, ...args]) => hasDocker() && spawnSync(command!, [...args, 'version']).status === 0,
);
const NEXT_IMAGE = `${IMAGE}-next`;
const BROKEN_IMAGE = `${IMAGE}-broken`;

/** It starts when it is told to. Until then it is in Docker's DNS, but does not listen. */
const HELD =
  'const idle = setInterval(() => {}, 1e9); await new Promise((go) => process.once("SIGUSR2", go)); clearInterval(idle)';

/** It answers checks later than they come, as a busy one would. */
const LATE = `import { Server } from 'node:http';
const { emit } = Server.prototype;
Server.prototype.emit = function (event, request, ...rest) {
  const hand = () => emit.call(this, event, request, ...rest);
  return event === 'request' && request.url === '/health/ready' ? setTimeout(hand, 800) : hand();
};`;

/** Some code before the program. */
const running = (code: string) => ({
  command: ['--import', `data:text/javascript,${encodeURIComponent(code)}`, 'dist/main.js'],
});

const describe = describeWith(
  COMPOSE !== undefined,
  'Docker Compose',
  'Install it: https://docs.docker.com/compose/install/',
);

async function post(url: string, length: number): Promise<number> {
  const body = JSON.stringify(['x'.repeat(length)]);
  const answer = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  await answer.text();
  return answer.status;
}

/** Undefined for no answer. */
const statusOf = async (url: string) =>
  fetch(url).then(
    ({ status }) => status,
    () => undefined,
  );

/** The image under test, but for one line. */
async function derive(image: string, line: string): Promise<void> {
  const folder = emptyFolder();
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${IMAGE}\n${line}`);
  await docker('build', '--quiet', '--tag', image, folder);
}

describe('docker compose up', () => {
  const project = `port-binding-test-${process.pid}`;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    COMPOSE_PROJECT_NAME: project,
    // Docker 20 can lock up for good when fifty containers leave a network at once.
    COMPOSE_PARALLEL_LIMIT: '4',
    IMAGE,
  };
  let balancer: number;
  let url: string;

  const run = async (command: string, ...args: string[]) =>
    (await promisify(execFile)(command, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout;
  const compose = async (...args: string[]) => run(COMPOSE![0]!, ...COMPOSE!.slice(1), ...args);
  const log = async () => compose('logs', 'balancer');
  const downs = async () => (await log()).split(/ is (?:going )?DOWN/).length - 1;
  const scale = async (count: number, ...options: string[]) =>
    compose(...options, 'up', '-d', '--no-build', '--no-recreate', '--scale', `service=${count}`, 'service');
  const replicas = async () => (await compose('ps', '-q', 'service')).trim().split('\n');
  const down = () => spawnSync(COMPOSE![0]!, [...COMPOSE!.slice(1), 'down', '--timeout', '0'], { env });

  /** Scales, with something else in the new replicas. */
  async function scaleWith(service: object, count: number): Promise<void> {
    const override = join(emptyFolder(), 'override.json'); // YAML as well
    writeFileSync(override, JSON.stringify({ services: { service } }));
    await scale(count, '--file', 'compose.yaml', '--file', override);
  }

  /** The instances that answer so many requests; a request that is answered by another is an error of its own. */
  async function instances(requests = 20): Promise<Set<string>> {
    const answers = await Promise.all(Array.from({ length: requests }, () => fetch(url)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const bodies = await Promise.all(answers.map((answer) => answer.json() as Promise<{ instance: string }>));
    return new Set(bodies.map(({ instance }) => instance));
  }

  /** Waits until so many replicas answer through the balancer. */
  async function spreadOver(count: number): Promise<void> {
    const ready = (await statusOf(`${url}/health/ready`)) === 200;
    if (ready && (await instances(Math.max(20, 2 * count))).size === count) return;
    await delay(100);
    await spreadOver(count);
  }

  async function loadDuring(change: () => Promise<void>): Promise<Load> {
    const load = startLoad({ host: '127.0.0.1', port: balancer });
    await load.reach(500);
    await change();
    await load.reach(load.sent + 500);
    await load.stop();
    return load;
  }

  async function lossesDuring(change: () => Promise<void>): Promise<Record<string, number>> {
    const load = await loadDuring(change);
    if (load.lost > 0) console.error(await log());
    return Object.fromEntries(load.losses);
  }

  beforeAll(async () => {
    onCleanUp(down);
    balancer = await freePort();
    url = `http://127.0.0.1:${balancer}`;
    env['BALANCER_PORT'] = String(balancer);
    await derive(NEXT_IMAGE, 'LABEL version=next');
    await compose('up', '-d', '--no-build');
  });

  // Whatever the test before has left, if it failed.
  beforeEach(async () => {
    await scale(3);
    await spreadOver(3);
  });

  afterAll(() => void down());

  it('serves by three replicas, each with a turn, of which only the balancer publishes a port', async () => {
    const ports = await docker(
      'ps',
      '--filter',
      `label=com.docker.compose.project=${project}`,
      '--format',
      '{{.Names}} {{.Ports}}',
    );
    const published = ports.split('\n').filter((line) => line.includes('->'));
    expect(published).toEqual([expect.stringMatching(new RegExp(`balancer.*:${balancer}->8080/tcp`))]);
  });

  it('gives the balancer no more than the service, and publishes it on this machine only', async () => {
    const id = (await compose('ps', '-q', 'balancer')).trim();
    const read = '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}';
    expect(await docker('inspect', '--format', read, id)).toBe('true [ALL] [no-new-privileges:true]');
    expect(await compose('port', 'balancer', '8080')).toBe(`127.0.0.1:${balancer}\n`);
  });

  it('does not tell clients how long the replicas keep a connection, as the balancer closes theirs sooner', async () => {
    expect([...(await fetch(url)).headers.keys()]).not.toContain('keep-alive');
  });

  it('has no replica killed for its memory by those who post as much as they may', async () => {
    for (let round = 0; round < 20; round++) {
      const statuses = await Promise.all(Array.from({ length: 200 }, () => post(url, 95_000)));
      expect([405, 503]).toEqual(expect.arrayContaining([...new Set(statuses)]));
    }
    const state = '{{.State.Running}} {{.State.OOMKilled}} {{.HostConfig.Memory}}';
    const states = (await docker('inspect', '--format', state, ...(await replicas()))).split('\n');
    expect(states).toEqual(Array.from({ length: 3 }, () => `true false ${128 * 1024 * 1024}`));
  });

  it('loses no request under load when it is scaled from one replica to eight, slow to start, and to three', async () => {
    await scale(1);
    await spreadOver(1);
    const [old] = await replicas();
    await compose('pause', 'balancer'); // and so it will find all of the new ones at once
    await scaleWith(running(HELD), 8);
    const held = (await replicas()).filter((replica) => replica !== old);
    const losses = lossesDuring(async () => {
      while (!(await log()).includes('replica-8')) await delay(50);
      await docker('kill', '--signal', 'SIGUSR2', ...held);
      await spreadOver(8);
      await scale(3);
      await spreadOver(3);
    });
    await compose('unpause', 'balancer');
    expect(await losses).toEqual({});
  });

  it('keeps a replica that is too busy to answer a check soon, until it drains', async () => {
    await scaleWith(running(LATE), 4);
    await spreadOver(4);
    const before = await downs();
    for (let round = 0; round < 5; round++) await spreadOver(4);
    expect(await downs()).toBe(before);
    await scale(3);
    await spreadOver(3);
  });

  it('takes out a replica that is killed under load: what is lost was in flight on it, and nobody could repeat it', async () => {
    const [victim] = await replicas();
    const before = await downs();
    const load = await loadDuring(async () => {
      await docker('kill', '--signal', 'KILL', victim!);
      while ((await downs()) === before) await delay(50);
    });
    expect(load.lostRepeatable).toBe(0);
    // At most what its share is of the clients at a time: a third, and each may be unlucky once.
    expect(load.lost).toBeLessThanOrEqual(load.clients);
    expect((await instances()).size).toBe(2);
  });

  it('serves on when the balancer is started anew under load: only while it is away is something lost', async () => {
    const before = await replicas();
    const { losses } = await loadDuring(async () => void (await compose('restart', 'balancer')));
    // Who comes finds nobody, and what Docker's own proxy of the port had taken is reset; but no answer is an error.
    const errors = [...losses.keys()].filter((reason) => /^\d/.test(reason));
    if (errors.length > 0) console.error(await log());
    expect(errors).toEqual([]);
    expect(await lossesDuring(() => spreadOver(3))).toEqual({});
    expect(await replicas()).toEqual(before);
  });

  it('lets a request wait that comes before there is a replica', async () => {
    const statuses: (number | undefined)[] = [];
    // More than once, as in a busy moment a replica may start later than a request waits.
    while (!statuses.includes(200) && statuses.length < 5) {
      await scale(0);
      while ((await statusOf(url)) !== 503);
      const waiting = statusOf(url);
      await scale(3);
      statuses.push(await waiting);
    }
    expect(statuses).toContain(200);
    await spreadOver(3);
  });

  it('serves by fifty replicas', async () => {
    // Each check of Docker's starts a program: every two seconds, fifty of them would be all that this machine does.
    await scaleWith({ healthcheck: { disable: true }, environment: { DRAIN_DELAY_MS: 0 } }, 50);
    await spreadOver(50);
    expect(await replicas()).toHaveLength(50);
    await scale(3);
    await spreadOver(3);
  });

  it('goes on with the old replicas, and says why, when those of a new image do not start', async () => {
    await derive(BROKEN_IMAGE, 'ENV LOG_LEVEL=loud');
    env['IMAGE'] = BROKEN_IMAGE;
    const before = await replicas();
    const losses = await lossesDuring(async () => {
      await expect(run('deploy/compose/roll')).rejects.toMatchObject({
        stderr: expect.stringMatching(/^Not rolled: the new replica .*\nLOG_LEVEL is "loud"/m),
      });
    });
    expect(losses).toEqual({});
    expect(await replicas()).toEqual(before);
  });

  it('loses no request under load when every replica is replaced by one of a new image', async () => {
    env['IMAGE'] = NEXT_IMAGE;
    const losses = await lossesDuring(async () => void (await run('deploy/compose/roll')));
    expect(losses).toEqual({});
    const images = (await docker('inspect', '--format', '{{.Image}}', ...(await replicas()))).split('\n');
    expect(images).toHaveLength(3);
    const id = await docker('image', 'inspect', '--format', '{{.Id}}', NEXT_IMAGE);
    expect(new Set(images)).toEqual(new Set([id]));
    await spreadOver(3);
  });
});
