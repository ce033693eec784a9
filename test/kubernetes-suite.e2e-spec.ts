import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loader, manifests } from './kubernetes/manifests.js';
import { problems } from './support/kubernetes-schema.js';
import { KUSTOMIZE } from './support/kustomize.js';
import { RESTRICTED, violations } from './support/pod-security.js';
import { Program, emptyFolder, start } from './support/service.js';

const LOADERS = [
  { script: 'kubernetes/load-pod.js', args: ['localhost'], nodeName: 'a-node' },
  { script: 'saturation/crowd.js', args: ['127.0.0.1', '3', '2'] },
] as const;

const loaders = () => LOADERS.map((load) => loader('a-namespace', 'an-image', load));
const all = (image?: string) => [...manifests('a-namespace', image), ...loaders()];

// Without kustomize, the tests of the manifests say so.
(KUSTOMIZE ? describe : describe.skip)('what the live-cluster suite applies', () => {
  it('is what Kubernetes takes', () => {
    expect(all().flatMap(problems)).toEqual([]);
  });

  it('stays in its own namespace', () => {
    const places = all().map(({ kind, metadata }) => (kind === 'Namespace' ? metadata.name : metadata.namespace));
    expect(new Set(places)).toEqual(new Set(['a-namespace']));
  });

  it('runs the image that it is given', () => {
    const images = JSON.stringify(all('an-image')).match(/"image":"[^"]*"/g);
    expect(images).toEqual(Array(3).fill('"image":"an-image"'));
  });

  it.each(RESTRICTED)('loads from Pods that keep the restricted profile: $control', (control) => {
    expect(loaders().flatMap(({ spec }) => violations(control, spec))).toHaveLength(0);
  });

  it.each(LOADERS)(
    'loads with a script that works as mounted, and ends what it began when told: $script',
    async (load) => {
      const { service, port } = await start({ DRAIN_DELAY_MS: '0' });
      const folder = emptyFolder();
      const { data } = manifests('a-namespace').find(({ kind }) => kind === 'ConfigMap')!;
      const [host, ...more] = load.args;
      const { spec } = loader('a-namespace', 'an-image', { ...load, args: [host, String(port), ...more] });
      for (const { key, path } of spec.volumes[0].configMap.items) {
        mkdirSync(join(folder, dirname(path)), { recursive: true });
        writeFileSync(join(folder, path), data![key]!);
      }
      const [, script, ...args] = spec.containers[0].command;

      const program = new Program('node', [script.replace('/load', folder), ...args], {});
      await once(program.process.stdout!, 'data');
      program.kill('SIGTERM');
      await expect(program.exit).resolves.toEqual({ code: 0, signal: null });
      const [first, last] = [program.log[0]!, program.log.at(-1)!];
      expect(first['sent']).toBeGreaterThan(0);
      const { sent, answered, losses = {}, statuses = { 200: answered } } = last;
      expect(losses).toEqual({});
      expect(statuses).toEqual({ 200: sent });
      service.kill('SIGTERM');
    },
  );
});

describe('the live-cluster suite', () => {
  it('says in one line that no cluster can be reached, and fails', async () => {
    const program = new Program('node', ['--import', 'tsx', resolve('test/kubernetes/suite.ts')], {
      env: { PATH: process.env['PATH'], KUBECONFIG: '/dev/null' },
    });
    await expect(program.exit).resolves.toEqual({ code: 1, signal: null });
    expect(program.stdout).toBe('');
    expect(program.stderr).toMatch(/^No cluster can be reached by kubectl's current context.*\n$/);
  });
});
