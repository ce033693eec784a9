import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { Container, describeWithDocker, docker } from '../test/support/docker.js';
import { IMAGE } from '../test/support/image.js';
import { copyProject } from '../test/support/project.js';

const BASE = 'gcr.io/distroless/nodejs26-debian13:nonroot';
/** What the image's own Node has compiled of the program. */
const CACHE = 'dist/bundle.cache';

const describe = describeWithDocker();

describe('the image', () => {
  it('holds the program that the tests test, the compiled code of its start, and nothing else', async () => {
    const container = Container.run();
    await container.listening();
    const files = JSON.parse(
      await container.evaluate(
        `import { createHash } from 'node:crypto';
         import { readFileSync, readdirSync } from 'node:fs';
         const files = readdirSync('/app', { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
         console.log(JSON.stringify(files.map((file) => {
           const content = readFileSync(file.parentPath + '/' + file.name);
           return { path: (file.parentPath + '/' + file.name).slice(5), bytes: content.length,
             sha256: createHash('sha256').update(content).digest('hex') };
         })));`,
      ),
    ) as { path: string; bytes: number; sha256: string }[];

    const program = files.filter(({ path }) => path !== CACHE);
    expect(files.length).toBe(program.length + 1);
    expect(program.map(({ path }) => path).toSorted()).toEqual([
      'LICENSE',
      'dist/bundle.js',
      'dist/bundle.js.map',
      'dist/fill.js',
      'dist/licenses.txt',
      'dist/main.js',
      'dist/package.json',
      'dist/page.html',
      'dist/probe.js',
      'dist/probe.js.map',
      'package.json',
    ]);
    for (const { path, sha256 } of program) {
      expect([path, sha256]).toEqual([path, createHash('sha256').update(readFileSync(path)).digest('hex')]);
    }

    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeLessThan(2_750_000);
    const [size, base] = (await docker('inspect', '--format', '{{.Size}}', IMAGE, BASE)).split('\n').map(Number);
    console.log(
      `The image holds ${files.length} files and ${bytes} bytes, and is ${size! - base!} bytes over its base.`,
    );
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

  it('is built though the program does not start, and says in a line why its starts will be slower', async () => {
    const project = copyProject({ dependencies: false });
    for (const file of ['Dockerfile', '.dockerignore']) cpSync(file, join(project, file));
    const environment = join(project, 'src/environment.ts');
    const variable = `DATABASE_URL_${Date.now()}`; // Docker says nothing of a step that it has in its cache.
    writeFileSync(
      environment,
      `${readFileSync(environment, 'utf8')}\nprocess.stderr.write('${variable} is missing\\n');\nprocess.exit(1);\n`,
    );
    const { stdout } = await promisify(execFile)('docker', ['build', '--network', 'host', project]);
    expect(stdout).toMatch(new RegExp(`^Starts will be slower, .*: ${variable} is missing$`, 'm'));
  });
});
