import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ENVIRONMENT } from '../test/support/environment.js';
import { edit } from '../test/support/project.js';
import { Program, emptyFolder } from '../test/support/service.js';

const COST = ': starts take about six times as long.';

beforeAll(() => {
  if (!existsSync('speed/node_modules')) execFileSync('npm', ['ci', '--prefix', 'speed'], { stdio: 'ignore' });
});

/** The built project in a folder of its own, where a test may change it. */
function builtProject(): string {
  const project = emptyFolder();
  for (const name of ['dist', 'package.json']) cpSync(name, join(project, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(project, 'node_modules'));
  return project;
}

/** Makes a bundle of a project, and returns what that says. */
function bundle(project: string, mode = 'auto'): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('speed/bundle.js'), `--bundle=${mode}`], {
    cwd: project,
    env: { PATH: process.env['PATH'], ...ENVIRONMENT },
    encoding: 'utf8',
  });
  return { status, said: stdout + stderr };
}

/** Runs the bundle without any package in reach. */
function run(project: string, execArgv: string[] = []): Program {
  const program = emptyFolder();
  cpSync(join(project, 'package.json'), join(program, 'package.json'));
  cpSync(join(project, 'bundle'), join(program, 'dist'), { recursive: true });
  return new Program(process.execPath, [...execArgv, '--enable-source-maps', join(program, 'dist/main.js')], {
    cwd: program,
    env: { PORT: '0', DRAIN_DELAY_MS: '0', NODE_DEBUG: 'code_cache' },
  });
}

/** A change of a project: these lines at the end of its program. */
const append = (text: string) => (project: string) =>
  edit(join(project, 'dist/main.js'), (program) => `${program}\n${text}\n`);

describe('a program that a bundle cannot carry', () => {
  it.each<[string, (project: string) => void, string]>([
    [
      'a worker of its own',
      (project) => writeFileSync(join(project, 'dist/worker.js'), 'console.log(1);'),
      'dist/worker.js is not imported, so it runs by itself or is not needed',
    ],
    [
      'a package that is loaded by its name, such as a template engine',
      (project) => edit(join(project, 'package.json'), (text) => text.replace('"rxjs"', '"hbs": "4", "rxjs"')),
      'the dependency hbs is not imported, so it is loaded by its name or not needed',
    ],
    [
      'an import of what is known only at run time',
      append('if (process.argv[2]) void import(process.argv[2]);'),
      'dist/main.js loads what is known only at run time',
    ],
    [
      'a module that looks beside itself',
      (project) => {
        writeFileSync(join(project, 'dist/health/beside.js'), 'export const here = import.meta.dirname;');
        append("import './health/beside.js';")(project);
      },
      'dist/health/beside.js looks beside itself (import.meta)',
    ],
    ['a module that is missing', append("import './absent.js';"), './dist/main.js cannot be bundled'],
    [
      'other answers in a bundle',
      (project) =>
        edit(
          join(project, 'dist/main.js'),
          (text) => `if (import.meta.filename.endsWith('bundle.js')) process.exit(3);${text}`,
        ),
      'it does not start: ',
    ],
  ])('is not bundled for %s, and a line says so', (_, change, reason) => {
    const project = builtProject();
    change(project);
    const { status, said } = bundle(project);
    expect(status).toBe(0);
    expect(said).toMatch(/^Not bundled because [^\n]+\n$/);
    expect(said).toContain(`Not bundled because ${reason}`);
    expect(said).toContain(COST);
    expect(existsSync(join(project, 'bundle'))).toBe(false);
  });

  it('fails when BUNDLE=yes asks for a bundle', () => {
    const project = builtProject();
    writeFileSync(join(project, 'dist/worker.js'), 'console.log(1);');
    expect(bundle(project, 'yes')).toEqual({ status: 1, said: expect.stringContaining('dist/worker.js') });
  });
});

it('leaves a program as it is when BUNDLE=no asks for that', () => {
  expect(bundle(builtProject(), 'no')).toEqual({ status: 0, said: `Not bundled because of BUNDLE=no${COST}\n` });
});

it('bundles a program that cannot start in the build, and says in a line what that costs', async () => {
  const project = builtProject();
  edit(
    join(project, 'dist/main.js'),
    (text) => `if (!process.env.SECRET) { process.stderr.write('SECRET is not set.\\n'); process.exit(1); }${text}`,
  );
  expect(bundle(project)).toEqual({
    status: 0,
    said: expect.stringMatching(/^Bundled, but not seen to answer because it does not start: SECRET is not set\..*\n$/),
  });
  const service = run(project);
  await service.exit;
  expect(service.stderr).toMatch(/^CODE_CACHE \d+: used\nSECRET is not set\.\n$/);
});
