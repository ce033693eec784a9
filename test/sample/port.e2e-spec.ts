import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import { emptyFolder, run, start } from '../support/service.js';

async function health(port: number, host = '127.0.0.1') {
  const response = await fetch(`http://${host}:${port}/health`);
  return (await response.json()) as { port: number; info: { http: { address: string; family: string; port: number } } };
}

describe('a PORT that is valid', () => {
  it('is bound exactly', async () => {
    const port = await freePort();
    const service = run({ PORT: String(port) });
    expect(await service.listening()).toBe(port);
    expect((await health(port)).port).toBe(port);
  });

  it.each([
    ['unset', {}],
    ['empty', { PORT: '' }],
  ])('is 3000 when %s', async (_, env) => {
    // Whether 3000 is free on this machine or not, the service says which port it went for.
    const service = run({ ...env, HOST: '127.0.0.9' });
    const said = await Promise.race([service.listening().then(String), service.exit.then(() => service.stderr)]);
    expect(said).toMatch(/^(3000|Port 3000 is taken .*\n)$/);
  });

  it('is chosen by the operating system when 0, and the bound one is logged and reported', async () => {
    const { service, port } = await start({ PORT: '0' });
    expect(port).toBeGreaterThan(0);
    expect(await service.logged(/^Listening/)).toMatchObject({
      message: `Listening on port ${port}`,
      address: '::',
      port,
    });
    const { info, ...body } = await health(port);
    expect(info.http).toEqual({ address: '::', family: 'IPv6', port, status: 'up' });
    expect(body.port).toBe(port);
  });

  it('comes from the .env file where the environment has none', async () => {
    const [fromFile, fromEnvironment] = [await freePort(), await freePort()];
    const cwd = emptyFolder();
    writeFileSync(join(cwd, '.env'), `PORT=${fromFile}\n`);
    expect(await run({}, { cwd }).listening()).toBe(fromFile);
    expect(await run({ PORT: String(fromEnvironment) }, { cwd }).listening()).toBe(fromEnvironment);
  });

  it('comes from the .env file where the environment has it set to nothing', async () => {
    const port = await freePort();
    const cwd = emptyFolder();
    writeFileSync(join(cwd, '.env'), `PORT=${port}\nHOST=127.0.0.1\nLOG_LEVEL=debug\n`);
    const service = run({ PORT: '', HOST: '', LOG_LEVEL: '' }, { cwd });
    expect(await service.logged(/^Listening/)).toMatchObject({ port, address: '127.0.0.1' });
    expect(service.log.map(({ level }) => level)).toContain('debug');
  });
});

describe('a PORT that is anything else', () => {
  it.each([
    [' 8080', '" 8080"'],
    ['8080 ', '"8080 "'],
    ['8080\r', '"8080\\r"'],
    ['+80', '"+80"'],
    ['-1', '"-1"'],
    ['08080', '"08080"'],
    ['00', '"00"'],
    ['80.0', '"80.0"'],
    ['8e3', '"8e3"'],
    ['0x1F90', '"0x1F90"'],
    ['٨٠٨٠', '"\\u0668\\u0660\\u0668\\u0660"'],
    ['３０００', '"\\uff13\\uff10\\uff10\\uff10"'],
    ['3000abc', '"3000abc"'],
    ['abc', '"abc"'],
    ['NaN', '"NaN"'],
    ['Infinity', '"Infinity"'],
    ['65536', '"65536"'],
    ['12345678901234567890', '"12345678901234567890"'],
    ['tcp://10.0.0.1:80', '"tcp://10.0.0.1:80", which is what a Kubernetes Service link looks like'],
    ['\\\\.\\pipe\\x', '"\\\\\\\\.\\\\pipe\\\\x", which is a named pipe, as iisnode on Windows sets it'],
    ['/tmp/x.sock', '"/tmp/x.sock"'],
    ['3000\u200b', '"3000\\u200b"'],
    ['\ufeff3000', '"\\ufeff3000"'],
    ['8080\n9090', '"8080\\n9090"'],
    ['9'.repeat(100_000), '100000 characters long'],
  ])('%.30j refuses to start', async (PORT, shown) => {
    const cwd = emptyFolder();
    const service = run({ PORT }, { cwd });
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(/^PORT is .*: it must be 0 .* or a port from 1 to 65535 in plain digits\.\n$/);
    expect(service.stderr).toContain(`PORT is ${shown}`);
    expect(service.stdout).toBe('');
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('is named together with every other invalid variable, a line each', async () => {
    const service = run({ PORT: 'abc', HOST: 'no host', LOG_LEVEL: 'loud' });
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.stderr.split('\n')).toEqual([
      expect.stringMatching(/^PORT is "abc": /),
      expect.stringMatching(/^HOST is "no host": /),
      expect.stringMatching(/^LOG_LEVEL is "loud": /),
      '',
    ]);
  });

  it('is refused in a .env file too', async () => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, '.env'), 'PORT=abc\n');
    const service = run({}, { cwd });
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.stderr).toMatch(/^PORT is "abc": .*\n$/);
  });
});

it('a .env that cannot be read is one line too', async () => {
  const cwd = emptyFolder();
  mkdirSync(join(cwd, '.env'));
  const service = run({}, { cwd });
  expect(await service.exit).toEqual({ code: 1, signal: null });
  expect(service.stderr).toMatch(/^Cannot read the \.env file: EISDIR.*\.\n$/);
  expect(service.stdout).toBe('');
});

it('a working directory that was deleted is one line, too', async () => {
  const cwd = join(emptyFolder(), 'gone');
  mkdirSync(cwd);
  const service = run({ PORT: '0' }, { cwd, via: ['sh', '-c', 'rmdir "$PWD" && exec "$@"', 'sh'] });
  expect(await service.exit).toEqual({ code: 1, signal: null });
  expect(service.stderr).toBe('The working directory is gone: start the service in one that exists.\n');
  expect(service.stdout).toBe('');
});

describe('many instances on one host', () => {
  it('each report their own port', async () => {
    const [one, other] = await Promise.all([start(), start()]);
    expect((await health(one.port)).port).toBe(one.port);
    expect((await health(other.port)).port).toBe(other.port);
    expect(one.port).not.toBe(other.port);
  });

  it('start twenty at a time on twenty ports', async () => {
    const services = await Promise.all(Array.from({ length: 20 }, () => start()));
    expect(new Set(services.map(({ port }) => port)).size).toBe(20);
    const instances = await Promise.all(
      services.map(async ({ url }) => (await (await fetch(url)).json()) as { pid: number; port: number }),
    );
    expect(instances).toEqual(
      services.map(({ service, port }) => expect.objectContaining({ pid: service.process.pid, port })),
    );
  });
});
