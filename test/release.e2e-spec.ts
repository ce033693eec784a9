import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import packageJson from '../package.json' with { type: 'json' };
import { describeWithDocker } from './support/docker.js';
import { IMAGE } from './support/image.js';

interface Job {
  needs?: string | string[];
  uses?: string;
  permissions?: Record<string, string>;
}

const workflow = readFileSync('.github/workflows/release.yml', 'utf8');
const { jobs } = parse(workflow) as { jobs: Record<string, Job> };

/** Every job that has to end well before this one starts. */
function before(name: string): string[] {
  const needs = [jobs[name]!.needs ?? []].flat();
  return needs.concat(needs.flatMap(before));
}

const smoke = (version: string) => spawnSync('.ci/smoke', [IMAGE, version, 'unknown'], { encoding: 'utf8' });

describe('a release', () => {
  const publishers = Object.keys(jobs).filter((name) =>
    Object.values(jobs[name]!.permissions ?? {}).some((access) => access === 'write'),
  );

  it('publishes an image, a package and a release', () => {
    expect(publishers).toEqual(['image', 'package', 'release']);
  });

  it.each(publishers)('runs the tests of the tagged commit before it publishes the %s', (name) => {
    expect(before(name)).toContain('test');
    expect(jobs['test']!.uses).toBe('./.github/workflows/ci.yml');
  });

  it('builds from the base images of the Dockerfile, by digest', () => {
    const names = [...readFileSync('Dockerfile', 'utf8').matchAll(/^ARG (\w+_IMAGE=\S+)$/gm)].map(([, name]) => name);
    const pinned = [...workflow.matchAll(/^ +(\w+_IMAGE=\S+)@sha256:[0-9a-f]{64}$/gm)].map(([, name]) => name);
    expect(names).toHaveLength(2);
    expect(pinned).toEqual(names);
  });

  it('has the section of the changelog as its notes', () => {
    const notes = execFileSync('.ci/release-notes', ['0.1.0'], { encoding: 'utf8' });
    expect(notes).toMatch(/^### Added\n/);
    expect(notes).not.toMatch(/^(## )?\[/m);
  });

  it('fails without a section in the changelog', () => {
    const { status, stderr } = spawnSync('.ci/release-notes', ['0.0.9'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toBe('CHANGELOG.md has no section for 0.0.9.\n');
  });
});

describeWithDocker()('the smoke test of a release', () => {
  it('passes for an image that serves and drains', () => {
    expect(smoke(packageJson.version)).toMatchObject({ status: 0 });
  });

  it('fails for an image of another version', () => {
    expect(smoke('0.0.9')).toMatchObject({ status: 1 });
  });
});
