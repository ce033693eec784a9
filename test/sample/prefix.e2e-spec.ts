import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { copyProject, editMain } from '../support/project.js';
import { start } from '../support/service.js';

const LINES = `
  app.setGlobalPrefix('api', { exclude: ['health'] });
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
`;

let url: string;

beforeAll(async () => {
  const project = copyProject({ dependencies: true });
  // What this is may be a fork that has them already.
  if (!readFileSync('src/main.ts', 'utf8').includes('setGlobalPrefix')) {
    editMain(project, LINES, "import { VersioningType } from '@nestjs/common';\n");
  }
  execFileSync('npm', ['run', 'build', '--ignore-scripts'], { cwd: project, stdio: 'pipe' });
  ({ url } = await start({}, { program: join(project, 'dist/main.js') }));
});

it.each(['/health', '/api', '/api/delay/0'])('a fork with a prefix and versions answers at %s', async (path) => {
  expect((await fetch(url + path)).status).toBe(200);
});

it('a fork with a prefix answers what it does not know in JSON, outside of the prefix as well', async () => {
  const answers = await Promise.all(['/nowhere', '/api/nowhere'].map((path) => fetch(url + path)));
  expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  expect(await Promise.all(answers.map((answer) => answer.json()))).toMatchObject([
    { statusCode: 404, message: 'Cannot GET /nowhere', error: 'Not Found' },
    { statusCode: 404, message: 'Cannot GET /api/nowhere', error: 'Not Found' },
  ]);
});
