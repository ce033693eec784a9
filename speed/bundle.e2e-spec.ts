import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ENVIRONMENT } from '../test/support/environment.js';
import { copyProject, edit } from '../test/support/project.js';
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

/** Two classes of one name, imported after what their decorators need. */
const DRAINS = `import { Drain as Engine } from 'port-binding/nest';\nimport { Drain as Own } from './drain.js';\n`;

/** Puts the bundle where it will run, without any package in reach. */
function install(project: string): string {
  const program = emptyFolder();
  cpSync(join(project, 'package.json'), join(program, 'package.json'));
  cpSync(join(project, 'bundle'), join(program, 'dist'), { recursive: true });
  execFileSync(process.execPath, ['speed/trial.js', join(program, 'dist/main.js')], {
    env: { PATH: process.env['PATH'], ...ENVIRONMENT },
  });
  return program;
}

function run(program: string, execArgv: string[] = []): Program {
  return new Program(process.execPath, [...execArgv, '--enable-source-maps', join(program, 'dist/main.js')], {
    cwd: program,
    env: { PORT: '0', DRAIN_DELAY_MS: '0', NODE_DEBUG: 'code_cache' },
  });
}

/** A change of a project: these lines at the end of its program. */
const append = (text: string) => (project: string) =>
  edit(join(project, 'dist/main.js'), (program) => `${program}\n${text}\n`);

describe('a bundle', () => {
  let project: string;
  let program: string;
  let cache: string;

  beforeAll(() => {
    project = copyProject({ dependencies: true });
    edit(
      join(project, 'src/main.ts'),
      (text) => `${text.replace("import 'reflect-metadata';\n", (line) => line + DRAINS)}
// Words such as __dirname and import.meta.url are no obstacle in a comment.
const names = [Own.name, Engine.name, 'new Worker(new URL(import.meta.url))'];
process.stdout.write(\`\${JSON.stringify({ message: 'names', names })}\\n\`);
process.once('SIGUSR2', () => { throw new Error('here'); });
`,
    );
    writeFileSync(join(project, 'src/drain.ts'), 'export class Drain {}\n');
    execFileSync('npm', ['exec', '--', 'nest', 'build'], { cwd: project, stdio: 'pipe' });
    const { status, said } = bundle(project, 'yes');
    if (status !== 0 || said !== '') throw new Error(said);
    program = install(project);
    cache = join(program, 'dist/bundle.cache');
    cpSync(cache, `${cache}.whole`);
  }, 900_000);

  beforeEach(() => {
    rmSync(cache, { force: true, recursive: true });
    cpSync(`${cache}.whole`, cache);
  });

  it('answers without any package beside it, from its code cache, and keeps the names of classes', async () => {
    const service = run(program);
    const port = await service.listening();
    expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
    expect(await service.logged(/^names$/)).toMatchObject({ names: ['Drain', 'Drain', expect.anything()] });
    service.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.stderr).toMatch(/^CODE_CACHE \d+: used\n$/);
  });

  it("shows a failure's file and line in stack traces", async () => {
    const service = run(program);
    await service.listening();
    service.kill('SIGUSR2');
    await service.exit;
    const { stack } = service.log.find(({ message }) => message === 'here')!['error'] as { stack: string };
    const lines = readFileSync(join(project, 'src/main.ts'), 'utf8').split('\n');
    const line = lines.findIndex((text) => text.includes("new Error('here')"));
    expect(stack).toMatch(new RegExp(`/src/main\\.ts:${line + 1}:\\d+\\)?$`, 'm'));
  });

  it.each<[string, (file: string) => void, string[]]>([
    ['missing', (file) => rmSync(file), []],
    ['truncated', (file) => truncateSync(file, 500_000), []],
    ['empty', (file) => truncateSync(file), []],
    ['no file', (file) => (rmSync(file), mkdirSync(file)), []],
    ['damaged', (file) => edit(file, (text) => text.replace(/.$/s, '\0'), 'latin1'), []],
    ["another Node's", (file) => edit(file, (text) => text.replace(process.version, 'v20.0.0'), 'latin1'), []],
    ['one for other flags', () => undefined, ['--no-opt']],
  ])('starts without its code cache when that is %s', async (_, harm, flags) => {
    harm(cache);
    const service = run(program, flags);
    await service.listening();
    service.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.stderr).toMatch(/^CODE_CACHE \d+: not used\n$/);
  });

  it('starts without its code cache when the bundle is another one of the same length', async () => {
    const file = join(program, 'dist/bundle.js');
    const text = readFileSync(file, 'utf8');
    edit(file, (each) => each.replace('Listening on', 'Listening ON'));
    const service = run(program);
    await service.logged(/^Listening ON/);
    writeFileSync(file, text);
    expect(service.stderr).toMatch(/^CODE_CACHE \d+: not used\n$/);
  });

  it('comes with the notices of its packages, and an SBOM in which scanners find Express', () => {
    const { version } = JSON.parse(readFileSync('node_modules/express/package.json', 'utf8')) as { version: string };
    expect(readFileSync(join(project, 'bundle/licenses.txt'), 'utf8')).toContain(`express ${version}: MIT\n\n`);
    const { bomFormat, components } = JSON.parse(readFileSync(join(project, 'bundle/bom.cdx.json'), 'utf8')) as {
      bomFormat: string;
      components: { purl: string }[];
    };
    expect(bomFormat).toBe('CycloneDX');
    const purls = components.map(({ purl }) => purl);
    expect(purls).toContain(`pkg:npm/express@${version}`);
    expect(purls.some((purl) => purl.startsWith('pkg:npm/%40nestjs/core@'))).toBe(true);
  });
});

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
  const service = run(install(project));
  await service.exit;
  expect(service.stderr).toMatch(/^CODE_CACHE \d+: used\nSECRET is not set\.\n$/);
});
