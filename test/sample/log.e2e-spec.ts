import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import { Connection, get, slow } from '../support/connection.js';
import { answering, refusing } from '../support/reachable.js';
import { emptyFolder, run, start } from '../support/service.js';

it('is one JSON object per line on standard output, and nothing on standard error', async () => {
  const service = run({ PORT: '0', DRAIN_DELAY_MS: '0' });
  const port = await service.listening();
  service.kill('SIGTERM');
  await service.exit;
  expect(
    service.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(service.log);
  expect(service.log[0]).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    severity: 'INFO',
    level: 'info',
    pid: service.process.pid,
    message: `Listening on port ${port}`,
    context: 'PortBinding',
    address: '::',
    family: 'IPv6',
    port,
  });
  expect(service.stderr).toBe('');
});

it.each([
  ['debug', ['debug', 'info']],
  ['log', ['info']],
  ['warn', []],
])('has only the levels from LOG_LEVEL=%s on', async (LOG_LEVEL, levels) => {
  const port = await freePort();
  const service = run({ PORT: String(port), DRAIN_DELAY_MS: '0', LOG_LEVEL });
  await answering(port);
  service.kill('SIGTERM');
  expect(await service.exit).toEqual({ code: 0, signal: null });
  expect([...new Set(service.log.map(({ level }) => level))].toSorted()).toEqual(levels);
});

describe('when nobody reads the log any more', () => {
  it('the service keeps serving and draining, and says so once on standard error: its reader has gone', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '0' });
    service.process.stdout!.destroy();
    const client = (await Connection.open(port)).send(`${slow('GET', '/', 2)}{`);
    await (await Connection.open(port)).request(get('/'));
    service.kill('SIGTERM');
    await refusing(port);
    expect(await client.send('}').answers()).toMatchObject([{ status: 200, connection: 'close' }]);
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.stderr).toBe('Cannot write logs (EPIPE). The service continues without them.\n');
  });

  it('the service keeps serving and draining, and says so once on standard error: its disk is full', async () => {
    const port = await freePort();
    const service = run(
      { PORT: String(port), DRAIN_DELAY_MS: '0' },
      { via: ['sh', '-c', 'exec "$0" "$@" >/dev/full'] },
    );
    await answering(port);
    service.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.stderr).toBe('Cannot write logs (ENOSPC). The service continues without them.\n');
  });

  it('the service keeps serving and draining when nobody reads standard error either', async () => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '0' });
    service.process.stdout!.destroy();
    service.process.stderr!.destroy();
    service.kill('SIGTERM');
    await refusing(port);
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });
});

it("has the names of classes in Nest's messages, even if the program is minified", async () => {
  const service = run({ PORT: '0', LOG_LEVEL: 'debug' });
  await service.listening();
  const modules = service.log.flatMap(({ message }) => /^(\S+) dependencies initialized$/.exec(message)?.[1] ?? []);
  expect(modules).toEqual(
    expect.arrayContaining(['AppModule', 'ConfigHostModule', 'PortBindingModule', 'TerminusModule']),
  );
});

it('points at the TypeScript source in the stack of a failure', async () => {
  // This project's code asks for the host's name while it starts.
  const failure = join(emptyFolder(), 'failure.mjs');
  writeFileSync(
    failure,
    `import os from 'node:os';
     import { syncBuiltinESMExports } from 'node:module';
     os.hostname = () => { throw new Error('no host name'); };
     syncBuiltinESMExports();\n`,
  );
  const service = run({ PORT: '0' }, { execArgv: ['--import', pathToFileURL(failure).href] });
  expect(await service.exit).toEqual({ code: 1, signal: null });
  expect(service.log).toEqual([
    expect.objectContaining({
      level: 'error',
      message: 'no host name',
      error: expect.objectContaining({
        stack: expect.stringMatching(/src\/instance\/instance\.controller\.ts:\d+:\d+/),
      }),
    }),
  ]);
});

describe('a failure that nobody handles', () => {
  it.each([
    ['an uncaught exception', 'throw new Error("boom")'],
    ['an unhandled rejection', 'Promise.reject(new Error("boom"))'],
  ])('is one log line with its stack, and ends the process with status 1: %s', async (_, failure) => {
    const trigger = join(emptyFolder(), 'trigger.mjs');
    writeFileSync(trigger, `process.on('SIGUSR2', () => { ${failure} });\n`);
    const service = run({ PORT: '0' }, { execArgv: ['--import', pathToFileURL(trigger).href] });
    await service.listening();
    service.kill('SIGUSR2');
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.log.slice(1)).toEqual([
      expect.objectContaining({
        level: 'error',
        message: 'boom',
        error: expect.objectContaining({ stack: expect.stringContaining('trigger.mjs') }),
      }),
    ]);
    expect(service.stderr).toBe('');
  });
});
