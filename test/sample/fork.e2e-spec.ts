import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import packageJson from '../../package.json' with { type: 'json' };
import { cloneProject, edit, importModule } from '../support/project.js';
import { GUIDE, codeFor } from '../support/forking-guide.js';
import { start } from '../support/service.js';

/** All of units, and those that have told forks once what they may not do. Other forks run the contract's. */
const TESTS = ['src/', 'test/sample/environment.e2e', 'test/sample/log'];

/** For a suite in the suite. */
const LIMIT_MS = 1_200_000;

it(
  'a fork with a name, a feature, a generated resource and a required variable, all as the documentation has them, passes the tests as they are',
  async () => {
    const cwd = cloneProject();
    const run = (command: string, ...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
      return stdout;
    };

    const [rename] = /^git grep -lz .*$/m.exec(GUIDE)!;
    run('sh', '-c', rename.replace(/[^/]+(?=\/g'$)/, 'renamed'));
    const files = run('git', 'ls-files').trim().split('\n');
    const left = files.filter((file) => readFileSync(join(cwd, file), 'utf8').includes(packageJson.name));
    expect(left.filter((file) => file !== 'LICENSE')).toEqual([]);

    // What this is may be a fork that has them already.
    if (!readFileSync('src/app.module.ts', 'utf8').includes('GreetingModule')) {
      const file = 'src/greeting/greeting.module.ts';
      mkdirSync(dirname(join(cwd, file)), { recursive: true });
      writeFileSync(join(cwd, file), codeFor(file));
      importModule(cwd, 'GreetingModule', './greeting/greeting.module.js');
    }

    const variable = codeFor('src/environment.ts');
    const [, name, sentence] = /(\w+):.*description\('(.*)'\)/s.exec(variable)!;
    if (!readFileSync('src/environment.ts', 'utf8').includes(`${name}:`)) {
      const change = (file: string, ...how: [string | RegExp, string]) =>
        edit(join(cwd, file), (text) => text.replace(...how));
      change('src/environment.ts', 'v.object({', `$&\n${variable}`);
      change('README.md', '| `PORT`', `| \`${name}\` | required | ${sentence} |\n$&`);
      change('.env.example', '#PORT=', `#${name}=\n$&`);
      change('test/support/environment.ts', /= \{/, `$& ${name}: 'postgres://localhost/orders',`);
    }

    run('cp', '-r', resolve('node_modules'), 'node_modules'); // linked to, they would make another bundle
    run('npx', 'nest', 'generate', 'resource', 'cats', '--type=rest', '--crud');
    run('npm', 'run', 'build');
    run('npm', 'run', 'lint');
    // Without the image, which none of these needs.
    run('npm', 'test', '--', '--globalSetup=', '--maxWorkers=2', ...TESTS);

    const env = { [name!]: 'postgres://localhost/orders' };
    const { url } = await start(env, { program: join(cwd, 'dist/main.js') });
    expect(await (await fetch(url)).json()).toMatchObject({ name: 'renamed' });
    expect(await (await fetch(`${url}/greeting`)).json()).toEqual({ text: 'hello' });
    expect(await (await fetch(`${url}/cats/1`)).text()).toBe('This action returns a #1 cat');
  },
  LIMIT_MS,
);
