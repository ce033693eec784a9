import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { copyProject, edit } from '../support/project.js';
import { codeFor } from '../support/readme.js';
import { run } from '../support/service.js';

/** Another than the README's: a fork may have that one. */
const NAME = 'BACKUP_URL';

it("a variable that is required, as in the README's example, is refused in a sentence when it is not set", async () => {
  const project = copyProject({ dependencies: true });
  const variable = codeFor('src/environment.ts').replace(/^\w+/, NAME);
  edit(join(project, 'src/environment.ts'), (text) => text.replace('v.object({', `$&\n${variable}`));
  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  const program = join(project, 'dist/main.js');

  const refused = run({ PORT: 'abc' }, { program });
  expect(await refused.exit).toEqual({ code: 1, signal: null });
  expect(refused.stderr.split('\n')).toEqual([
    expect.stringMatching(`^${NAME} is not set: it must be a URL such as .*\\.$`),
    expect.stringMatching(/^PORT is "abc": it must be /),
    '',
  ]);
  await run({ PORT: '0', [NAME]: 'postgres://localhost/orders' }, { program }).listening();
});
