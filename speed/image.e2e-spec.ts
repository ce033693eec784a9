import { execFile } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { Container, describeWithDocker, docker } from '../test/support/docker.js';
import { copyProject } from '../test/support/project.js';

const describe = describeWithDocker();

/** A copy of the project with a worker of its own, which a bundle cannot carry. */
function projectWithWorker(): string {
  const project = copyProject({ dependencies: false });
  for (const file of ['Dockerfile', '.dockerignore']) cpSync(file, join(project, file));
  // Docker says nothing of a step that it has in its cache.
  writeFileSync(join(project, 'src/worker.ts'), `console.log(${Date.now()});\n`);
  return project;
}

const build = async (project: string, ...options: string[]) =>
  promisify(execFile)('docker', ['build', '--network', 'host', ...options, project]);

describe('the image', () => {
  it('holds the bundle and nothing else', async () => {
    const container = Container.run();
    await container.listening();
    const files = JSON.parse(
      await container.evaluate(
        `import { readdirSync } from 'node:fs';
         const files = readdirSync('/app', { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
         console.log(JSON.stringify(files.map(({ parentPath, name }) => (parentPath + '/' + name).slice(5))));`,
      ),
    ) as string[];
    // The bundler names the files that the program reads by their contents.
    expect(files.map((file) => file.replace(/\/\w{16}\./, '/HASH.')).toSorted()).toEqual([
      'LICENSE',
      'dist/HASH.html',
      'dist/HASH.json',
      'dist/bom.cdx.json',
      'dist/bundle.cache',
      'dist/bundle.js',
      'dist/bundle.js.map',
      'dist/instance/page.html',
      'dist/licenses.txt',
      'dist/main.js',
      'dist/package.json',
      'dist/probe/probe.js',
      'dist/probe/probe.js.map',
      'package.json',
    ]);
  });

  it.each([
    ['its own user', []],
    ['any other', ['--user', '1234567:0']],
  ])('starts from the compiled code that it holds, as %s, who cannot change it', async (_, options) => {
    const container = Container.run({ NODE_DEBUG: 'code_cache' }, options);
    await container.listening();
    expect(container.stderr).toMatch(/^CODE_CACHE 1: used\n$/);
    const written = await container.evaluate(
      `import { accessSync, constants, readdirSync } from 'node:fs';
       const writable = (path) => { try { accessSync(path, constants.W_OK); return true; } catch { return false; } };
       const paths = ['/app', ...readdirSync('/app', { recursive: true }).map((path) => '/app/' + path)];
       console.log(JSON.stringify(paths.filter(writable)));`,
    );
    expect(JSON.parse(written)).toEqual([]);
  });

  it("shows a failure's file and line in stack traces", async () => {
    const failing = `import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module';
      os.hostname = () => { throw new Error('no host name'); }; syncBuiltinESMExports();`;
    const container = Container.run({
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(failing)}`,
    });
    expect(await container.exit).toEqual({ code: 1, signal: null });
    expect(container.stdout).toMatch(/src\/instance\/instance\.controller\.ts:\d+:\d+/);
  });

  const unbundled = projectWithWorker();

  it('is the plain build when a bundle cannot carry the program, says so in a line, serves, and drains', async () => {
    const tag = `port-binding-service:plain-${process.pid}`;
    const { stdout } = await build(unbundled, '--tag', tag);
    expect(stdout).toMatch(/^Not bundled because dist\/worker\.js is not imported, .*: starts take .* as long\.$/m);
    const container = Container.run({ DRAIN_DELAY_MS: '0' }, [], tag);
    expect((await fetch(`${await container.url()}/health/ready`)).status).toBe(200);
    await container.health('healthy');
    container.kill('SIGTERM');
    expect(await container.exit).toEqual({ code: 0, signal: null });
    await docker('image', 'rm', '--force', tag);
  });

  it('is not built when BUNDLE=yes asks for a bundle that cannot be had', async () => {
    const failure = await build(unbundled, '--build-arg', 'BUNDLE=yes').catch(
      ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
    );
    expect(failure).toMatch(/^Not bundled because dist\/worker\.js is not imported/m);
  });
});
