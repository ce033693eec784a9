import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { manifests } from './kubernetes/manifests.js';
import { problems } from './support/kubernetes-schema.js';
import { KUSTOMIZE } from './support/kustomize.js';
import { RESTRICTED, violations } from './support/pod-security.js';
import { Program, emptyFolder, start } from './support/service.js';

const load = () => manifests('a-namespace', 'an-image').find(({ kind }) => kind === 'Pod')!;

// Without kustomize, the tests of the manifests say so.
(KUSTOMIZE ? describe : describe.skip)('what the live-cluster suite applies', () => {
  it('is what Kubernetes takes', () => {
    expect(manifests('a-namespace').flatMap(problems)).toEqual([]);
  });

  it('stays in its own namespace', () => {
    const places = manifests('a-namespace').map(({ kind, metadata }) =>
      kind === 'Namespace' ? metadata.name : metadata.namespace,
    );
    expect(new Set(places)).toEqual(new Set(['a-namespace']));
  });

  it('runs the image that it is given', () => {
    const images = JSON.stringify(manifests('a-namespace', 'an-image')).match(/"image":"[^"]*"/g);
    expect(images).toEqual(['"image":"an-image"', '"image":"an-image"']);
  });

  it.each(RESTRICTED)('loads from a Pod that keeps the restricted profile: $control', (control) => {
    expect(violations(control, load().spec)).toHaveLength(0);
  });

  it('loads with a script that works as it is mounted, and finishes what it has begun when it is told to end', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '0' });
    const folder = emptyFolder();
    const { data } = manifests('a-namespace').find(({ kind }) => kind === 'ConfigMap')!;
    for (const { key, path } of load().spec.volumes[0].configMap.items) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), data![key]!);
    }
    const script = load().spec.containers[0].command[1].replace('/load', folder);

    const program = new Program('node', [script, 'localhost', String(port)], {});
    await once(program.process.stdout!, 'data');
    program.kill('SIGTERM');
    await expect(program.exit).resolves.toEqual({ code: 0, signal: null });
    const [first, last] = [program.log[0]!, program.log.at(-1)!];
    expect(first['sent']).toBeGreaterThan(0);
    expect(last).toEqual({ sent: expect.any(Number), answered: last['sent'], losses: {} });
    service.kill('SIGTERM');
  });
});

describe('the live-cluster suite', () => {
  it('says in one line that no cluster can be reached, and fails', async () => {
    const program = new Program('node', ['--import', 'tsx', resolve('test/kubernetes/rolling-restart.ts')], {
      env: { PATH: process.env['PATH'], KUBECONFIG: '/dev/null' },
    });
    await expect(program.exit).resolves.toEqual({ code: 1, signal: null });
    expect(program.stdout).toBe('');
    expect(program.stderr).toMatch(/^No cluster can be reached by kubectl's current context.*\n$/);
  });
});
