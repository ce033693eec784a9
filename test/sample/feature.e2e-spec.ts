import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';
import { copyProject, importModule } from '../support/project.js';
import { codeFor } from '../support/forking-guide.js';
import { start } from '../support/service.js';

const FILE = 'src/greeting/greeting.module.ts';

it("the documentation's example of a feature works as it is written, with one line in app.module.ts", async () => {
  const project = copyProject({ dependencies: true });
  mkdirSync(dirname(join(project, FILE)), { recursive: true });
  writeFileSync(join(project, FILE), codeFor(FILE));
  if (!readFileSync('src/app.module.ts', 'utf8').includes('GreetingModule')) {
    importModule(project, 'GreetingModule', './greeting/greeting.module.js');
  }
  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  const { url } = await start({}, { program: join(project, 'dist/main.js') });
  expect(await (await fetch(`${url}/greeting`)).json()).toEqual({ text: 'hello' });
});
