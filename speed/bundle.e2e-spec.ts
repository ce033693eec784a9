import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';
import { expect, it } from '@jest/globals';
import { copyProject } from '../test/support/project.js';
import { run } from '../test/support/service.js';

/** The project with these lines at the end of main.ts. */
function projectWith(lines: string): { project: string; main: string } {
  const project = copyProject({ dependencies: true });
  const main = join(project, 'src/main.ts');
  writeFileSync(main, `${readFileSync(main, 'utf8')}\n${lines}\n`);
  return { project, main };
}

/** The same, built. */
function build(lines: string): { program: string; main: string } {
  const { project, main } = projectWith(lines);
  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  return { program: join(project, 'dist/main.js'), main };
}

it("shows a failure's file, line and column in stack traces", async () => {
  const { program, main } = build(`const boom = () => { throw new Error('here'); };
[1].forEach(() => setTimeout(boom, 0));`);
  const service = run({ PORT: '0' }, { program });
  await service.exit;
  const { stack } = service.log.find(({ message }) => message === 'here')!['error'] as { stack: string };
  const lines = readFileSync(main, 'utf8').split('\n');
  const line = lines.findIndex((each) => each.includes("Error('here')"));
  // The minimizer knows that this `new` can go.
  expect(stack).toMatch(
    new RegExp(`at .*boom \\((.*)/src/main\\.ts:${line + 1}:${lines[line]!.indexOf("Error('here')") + 1}\\)`),
  );
  expect(stack).not.toContain('webpack:');
});

it('has what a module of its own has: import() of files, of packages and of Node, and import.meta', async () => {
  const { program } = build(`
    const { Refusal: late } = await import('./refusal.js');
    const { firstValueFrom } = await import('rxjs');
    const { crc32 } = await import('node:zlib');
    const name = 'node:dns';
    const { lookup } = await import(/* webpackIgnore: true */ name);
    const { filename, dirname, url } = import.meta;
    process.stdout.write(JSON.stringify({ message: 'loaded', names: [late, firstValueFrom, crc32, lookup].map((each) => each.name), filename, dirname, url }) + '\\n');
  `);
  const service = run({ PORT: '0' }, { program });
  const bundle = join(dirname(program), 'bundle.js');
  expect(await service.logged(/^loaded$/)).toEqual({
    message: 'loaded',
    names: ['Refusal', 'firstValueFrom', 'crc32', 'lookup'],
    filename: bundle,
    dirname: dirname(bundle),
    url: `file://${bundle}`,
  });
});

it('loads of Node what a start needs, and the rest when it is asked for', async () => {
  const tell = `process.on('SIGUSR2', () => console.error(process.moduleLoadList.join()));`;
  const service = run({ PORT: '0' }, { execArgv: ['--import', `data:text/javascript,${encodeURIComponent(tell)}`] });
  await service.listening();
  service.process.stderr!.once('data', () => service.kill('SIGINT'));
  service.kill('SIGUSR2');
  await service.exit;
  const loaded = service.stderr.split(',');
  expect(loaded).toContain('NativeModule http');
  for (const name of ['https', 'tls', 'crypto', 'http2', 'readline']) {
    expect(loaded).not.toContain(`NativeModule ${name}`);
  }
});

it.each([
  ['a type error', "const port: number = 'text';", /main\.ts:\d+:\d+[^]*TS2322/],
  [
    'what the bundle cannot carry',
    'const name: string = process.argv[2]!; void import(name);',
    /src\/main\.ts cannot be bundled: .*\. The way out: "Without the bundle" in the README\./,
  ],
])('is not built with %s, and the reason is told', (_, lines, reason) => {
  const { project } = projectWith(lines);
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'build'], { cwd: project, encoding: 'utf8' });
  expect(status).toBe(1);
  // oxlint-disable-next-line no-control-regex -- the colours of a terminal
  expect((stdout + stderr).replaceAll(/\x1b\[\d+m/g, '')).toMatch(reason);
});

it('hands on the notices of the packages that are in it', () => {
  const notices = readFileSync('dist/licenses.txt', 'utf8');
  for (const name of ['@nestjs/core', 'express', 'reflect-metadata', 'rxjs', 'valibot']) {
    const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as {
      version: string;
      license: string;
    };
    expect(notices).toContain(`${name} ${version}: ${license}\n\n`);
  }
  expect(notices).not.toContain('undefined');
});
