import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { copyProject } from '../support/project.js';
import { start } from '../support/service.js';

/** The first lines that many a fork adds, as the README has them. */
const LINES = /^app\.setGlobalPrefix\(.*;\napp\.enableVersioning\(.*;$/m;

let url: string;

beforeAll(async () => {
  const [lines] = LINES.exec(readFileSync('README.md', 'utf8'))!;
  const project = copyProject({ dependencies: true });
  const main = join(project, 'src/main.ts');
  const patched = readFileSync(main, 'utf8').replace('await app.init();', `${lines}\n$&`);
  writeFileSync(main, `${patched}import { VersioningType } from '@nestjs/common';\n`);
  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  ({ url } = await start({}, { program: join(project, 'dist/main.js') }));
});

it.each(['/health/ready', '/health/live', '/health', '/'])(
  'a fork with a prefix and versions for its API answers at %s as before',
  async (path) => {
    expect((await fetch(url + path)).status).toBe(200);
  },
);
