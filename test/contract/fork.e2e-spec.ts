import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { copyProject, editMain, importModule } from '../support/project.js';
import { start } from '../support/service.js';

/** Denies every request, replaces every response, and answers every error with 418. */
const OBSTACLES = `
import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { of } from 'rxjs';

const teapot = { catch: (_error: unknown, host: any) => host.switchToHttp().getResponse().status(418).end() };

@Module({
  providers: [
    { provide: APP_GUARD, useValue: { canActivate: () => false } },
    { provide: APP_INTERCEPTOR, useValue: { intercept: () => of('replaced') } },
    { provide: APP_FILTER, useValue: teapot },
  ],
})
export class ObstaclesModule {}
`;

let url: string;

beforeAll(async () => {
  const project = copyProject({ dependencies: true });
  mkdirSync(join(project, 'src/obstacles'));
  writeFileSync(join(project, 'src/obstacles/obstacles.module.ts'), OBSTACLES);
  importModule(project, 'ObstaclesModule', './obstacles/obstacles.module.js');
  editMain(
    project,
    "app.setGlobalPrefix('obstacles').enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });",
    "import { VersioningType } from '@nestjs/common';\n",
  );
  execFileSync('npm', ['run', 'build', '--ignore-scripts'], { cwd: project, stdio: 'pipe' });
  ({ url } = await start({}, { program: join(project, 'dist/main.js') }));
});

it.each(['/health/ready', '/health/live', '/metrics'])(
  'a platform gets its answer at %s whatever guards, interceptors, filters, prefix and versions a fork adds',
  async (path) => {
    expect((await fetch(url + path)).status).toBe(200);
  },
);

it('everybody else gets what the fork answers', async () => {
  const answer = await fetch(`${url}/health`);
  expect(answer.status).not.toBe(200);
});
