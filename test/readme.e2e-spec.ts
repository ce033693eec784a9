import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';
import { copyProject } from './support/project.js';
import { start } from './support/service.js';

it("the README's example of a feature works as it is written, with one line in app.module.ts", async () => {
  const [, file, code] = /```ts\n\/\/ (src\/\S+)\n(.*?)```/s.exec(readFileSync('README.md', 'utf8'))!;
  const project = copyProject({ dependencies: true });
  mkdirSync(dirname(join(project, file!)), { recursive: true });
  writeFileSync(join(project, file!), code!);
  const appModule = readFileSync(join(project, 'src/app.module.ts'), 'utf8');
  if (!appModule.includes('GreetingModule')) {
    writeFileSync(
      join(project, 'src/app.module.ts'),
      `import { GreetingModule } from './greeting/greeting.module.js';\n${appModule.replace('imports: [', 'imports: [GreetingModule, ')}`,
    );
  }
  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  const { url } = await start({}, { program: join(project, 'dist/main.js') });
  expect(await (await fetch(`${url}/greeting`)).json()).toEqual({ text: 'hello' });
});
