import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';

let stdout: string;
let stderr: string;
let exit: jest.Spied<typeof process.exit>;
let exited: Promise<number>;

beforeEach(() => {
  jest.resetModules();
  [stdout, stderr] = ['', ''];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((stdout += String(text))));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += String(text))));
  exited = new Promise((done) => {
    exit = jest.spyOn(process, 'exit').mockImplementation((code) => done(Number(code)) as never);
  });
  process.env['PORT'] = '0';
  process.env['DRAIN_DELAY_MS'] = '0';
});

afterEach(() => {
  jest.restoreAllMocks();
  process.removeAllListeners('uncaughtException');
});

it('listens, answers, and ends with status 0 when asked to', async () => {
  await import('./main.js');
  const port = await new Promise<number>((listening) => {
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += String(text);
      listening((JSON.parse(String(text)) as { port: number }).port);
      return true;
    });
  });
  expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).json()).toMatchObject({ port });
  process.emit('SIGTERM', 'SIGTERM');
  expect(await exited).toBe(0);
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { message: string }).message),
  ).toEqual([
    `Listening on port ${port}`,
    'SIGTERM: draining',
    'Stopped accepting connections',
    'Done: every request is answered',
  ]);
});

it('writes a refusal to standard error, and ends with status 1', async () => {
  process.env['HOST'] = '192.0.2.1'; // no address of any machine (RFC 5737)
  await import('./main.js');
  expect(await exited).toBe(1);
  expect(stderr).toMatch(/^The host 192\.0\.2\.1 is no address of this machine: .*\n$/);
  expect(stdout).toBe('');
});

it('logs any other failure with its stack, and ends with status 1', async () => {
  process.env['HOST'] = '192.0.2.1'; // not to start a second service
  await import('./main.js');
  await exited;
  process.emit('uncaughtException', new Error('boom'));
  expect(JSON.parse(stdout)).toMatchObject({ level: 'error', message: 'boom', error: { stack: expect.any(String) } });
  expect(exit.mock.calls).toEqual([[1], [1]]);
});
