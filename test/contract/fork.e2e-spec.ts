import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { copyProject, edit } from '../support/project.js';
import { start } from '../support/service.js';

/** The first lines that many a fork adds, as the README has them. */
const LINES = /^app\.setGlobalPrefix\(.*;\napp\.enableVersioning\(.*;$/m;

let url: string;

beforeAll(async () => {
  const [lines] = LINES.exec(readFileSync('README.md', 'utf8'))!;
  const project = copyProject({ dependencies: true });
  edit(
    join(project, 'src/main.ts'),
    (text) => `${text.replace('await app.init();', `${lines}\n$&`)}import { VersioningType } from '@nestjs/common';\n`,
  );
  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  ({ url } = await start({}, { program: join(project, 'dist/main.js') }));
});

it.each(['/health/ready', '/health/live', '/health', '/', '/metrics', '/delay/0'])(
  'a fork with a prefix and versions for its API answers at %s as before',
  async (path) => {
    expect((await fetch(url + path)).status).toBe(200);
  },
);

it('a fork with a prefix answers what it does not know in JSON, outside of the prefix as well', async () => {
  const answers = await Promise.all(['/nowhere', '/api/nowhere'].map((path) => fetch(url + path)));
  expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
    { statusCode: 404, message: 'Cannot GET /nowhere', error: 'Not Found' },
    { statusCode: 404, message: 'Cannot GET /api/nowhere', error: 'Not Found' },
  ]);
});
