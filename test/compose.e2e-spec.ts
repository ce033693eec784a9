import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Load } from './rolling/load.js';
import { docker } from './support/docker.js';
import { freePort } from './support/free-port.js';
import { IMAGE, hasDocker } from './support/image.js';
import { describeWith } from './support/requirement.js';
import { onCleanUp } from './support/service.js';

const COMPOSE = [['docker', 'compose'], ['docker-compose']].find(
  ([command, ...args]) => hasDocker() && spawnSync(command!, [...args, 'version']).status === 0,
);
const NEXT_IMAGE = `${IMAGE}-next`;

const describe = describeWith(
  COMPOSE !== undefined,
  'Docker Compose',
  'Install it: https://docs.docker.com/compose/install/',
);

describe('docker compose up', () => {
  const project = `port-binding-test-${process.pid}`;
  const env: NodeJS.ProcessEnv = { ...process.env, COMPOSE_PROJECT_NAME: project, IMAGE };
  let balancer: number;
  let url: string;

  const run = async (command: string, ...args: string[]) =>
    (await promisify(execFile)(command, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout;
  const compose = async (...args: string[]) => run(COMPOSE![0]!, ...COMPOSE!.slice(1), ...args);
  const replicas = async () => (await compose('ps', '-q', 'service')).trim().split('\n');
  const down = () => spawnSync(COMPOSE![0]!, [...COMPOSE!.slice(1), 'down', '--timeout', '0'], { env });

  /** The instances that answer twenty requests; a request that is answered by another is an error of its own. */
  async function instances(): Promise<Set<string>> {
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(url)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const bodies = await Promise.all(answers.map((answer) => answer.json() as Promise<{ instance: string }>));
    return new Set(bodies.map(({ instance }) => instance));
  }

  /** Waits until so many replicas answer through the balancer. */
  async function spreadOver(count: number): Promise<void> {
    const ready = await fetch(`${url}/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (ready && (await instances()).size === count) return;
    await delay(100);
    await spreadOver(count);
  }

  async function lossesDuring(change: () => Promise<void>): Promise<Record<string, number>> {
    const load = new Load(balancer);
    await load.reach(500);
    await change();
    await load.reach(load.sent + 500);
    await load.stop();
    if (load.lost > 0) console.error(await compose('logs', 'balancer'));
    return Object.fromEntries(load.losses);
  }

  beforeAll(async () => {
    onCleanUp(down);
    balancer = await freePort();
    url = `http://127.0.0.1:${balancer}`;
    env['BALANCER_PORT'] = String(balancer);
    await docker('build', '--quiet', '--network', 'host', '--build-arg', 'VERSION=next', '--tag', NEXT_IMAGE, '.');
    await compose('up', '-d', '--no-build');
  }, 120_000);

  afterAll(() => void down());

  it('serves by three replicas, each with a turn, of which only the balancer publishes a port', async () => {
    await spreadOver(3);
    const ports = await docker(
      'ps',
      '--filter',
      `label=com.docker.compose.project=${project}`,
      '--format',
      '{{.Names}} {{.Ports}}',
    );
    const published = ports.split('\n').filter((line) => line.includes('->'));
    expect(published).toEqual([expect.stringMatching(new RegExp(`balancer.*:${balancer}->8080/tcp`))]);
  }, 60_000);

  it('loses no request under load when it is scaled to five replicas and back to three', async () => {
    const losses = await lossesDuring(async () => {
      await compose('up', '-d', '--no-build', '--no-recreate', '--scale', 'service=5', 'service');
      await spreadOver(5);
      await compose('up', '-d', '--no-build', '--no-recreate', '--scale', 'service=3', 'service');
      await spreadOver(3);
    });
    expect(losses).toEqual({});
  }, 120_000);

  it('takes out a replica that is killed, and the others answer everything', async () => {
    const [victim] = await replicas();
    await docker('kill', '--signal', 'KILL', victim!);
    while (!/Server replicas\/replica-\d+ is (DOWN|going DOWN)/.test(await compose('logs', 'balancer')))
      await delay(50);
    expect((await instances()).size).toBe(2);
    await compose('up', '-d', '--no-build', '--no-recreate');
    await spreadOver(3);
  }, 60_000);

  it('loses no request under load when every replica is replaced by one of a new image', async () => {
    env['IMAGE'] = NEXT_IMAGE;
    const losses = await lossesDuring(async () => void (await run('deploy/compose/roll')));
    expect(losses).toEqual({});
    const images = (await docker('inspect', '--format', '{{.Image}}', ...(await replicas()))).split('\n');
    expect(images).toHaveLength(3);
    const id = await docker('image', 'inspect', '--format', '{{.Id}}', NEXT_IMAGE);
    expect(new Set(images)).toEqual(new Set([id]));
    await spreadOver(3);
  }, 180_000);
});
