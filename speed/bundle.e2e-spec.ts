import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { copyProject } from '../test/support/project.js';
import { freePort } from '../test/support/free-port.js';
import { Program, run } from '../test/support/service.js';

/** For a build in the test. */
const TIMEOUT = 120_000;

/** The project with these lines at the end of main.ts, built. */
function build(lines: string): { project: string; program: string; main: string } {
  const project = copyProject({ dependencies: true });
  const main = join(project, 'src/main.ts');
  writeFileSync(main, `${readFileSync(main, 'utf8')}\n${lines}\n`);
  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  return { project, program: join(project, 'dist/main.js'), main };
}

it(
  "shows a failure's file, line and column in stack traces",
  async () => {
    const { program, main } = build(`const boom = () => { throw new Error('here'); };
[1].forEach(() => setTimeout(boom, 0));`);
    const service = run({ PORT: '0' }, { program });
    await service.exit;
    const { stack } = service.log.find(({ message }) => message === 'here')!['error'] as { stack: string };
    const lines = linesOf(main);
    const line = lines.findIndex((each) => each.includes("Error('here')"));
    // The minimizer knows that this `new` can go.
    expect(stack).toMatch(
      new RegExp(`at .*boom \\((.*)/src/main\\.ts:${line + 1}:${lines[line]!.indexOf("Error('here')") + 1}\\)`),
    );
    expect(stack).not.toContain('webpack:');
  },
  TIMEOUT,
);

it(
  'has what a module of its own has: import() of files, of packages and of Node, and import.meta',
  async () => {
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
  },
  TIMEOUT,
);

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

it(
  "stops at a debugger's breakpoint in start:dev, on a line that its source map knows",
  async () => {
    const cwd = copyProject({ dependencies: true });
    const [port, debugPort] = [await freePort(), await freePort()];
    const npm = new Program('npm', ['run', 'start:dev', '--', `--debug=${debugPort}`], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: String(port) },
      detached: true,
    });
    await npm.listening();

    const statement = 'uptime: Math.floor(process.uptime())';
    const lineOf = (file: string) => linesOf(join(cwd, file)).findIndex((text) => text.includes(statement));
    const line = lineOf('dist/main.js');
    const map = JSON.parse(readFileSync(join(cwd, 'dist/main.js.map'), 'utf8')) as SourceMapPayload;
    expect(new SourceMap(map).findEntry(line, Infinity)).toMatchObject({
      originalSource: '../src/instance/instance.controller.ts',
      originalLine: lineOf('src/instance/instance.controller.ts'),
    });

    const editor = spawn(process.execPath, ['inspect', `127.0.0.1:${debugPort}`]);
    let said = '';
    editor.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    // Again and again, as a debugger that does not know the script yet says nothing.
    while (!said.includes(`break in dist/main.js:${line + 1}`)) {
      editor.stdin.write(`setBreakpoint('main.js', ${line + 1})\n`);
      void fetch(`http://127.0.0.1:${port}/`).catch(() => undefined); // one of them waits for the debugger until the end
      await delay(500);
    }
    editor.kill();
    process.kill(-npm.process.pid!, 'SIGKILL');
  },
  TIMEOUT,
);

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n');
