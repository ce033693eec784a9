import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { validate } from '../src/environment.js';
import { installed } from './balancers/balancer.js';
import { ENVIRONMENT } from './support/environment.js';
import { freePort } from './support/free-port.js';
import { describeWith } from './support/requirement.js';
import { Program, emptyFolder } from './support/service.js';

const UNIT = join('deploy/systemd', readdirSync('deploy/systemd')[0]!);

/** What the unit sets, in its order. */
const SETTINGS = [...readFileSync(UNIT, 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]);

const settings = (name: string) => SETTINGS.filter(([each]) => each === name).map(([, value]) => value);

/** As if the host had the unit, and an instance of it on port 5001. */
function unit(): string {
  const file = join(emptyFolder(), basename(UNIT).replace('@', '@5001'));
  cpSync(UNIT, file);
  return file;
}

describeWith(
  installed('systemd-analyze') !== undefined,
  'systemd-analyze',
  'Install it: apt-get install systemd',
)('the systemd unit', () => {
  it('has nothing in it that systemd does not understand', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit()], { encoding: 'utf8' });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: '' });
  });

  it('leaves the service little to do but to bind its port: 2 of 10 and below, where the green ends at 5', () => {
    const report = execFileSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', unit()], {
      encoding: 'utf8',
    });
    expect(report).toMatch(/Overall exposure level for .*: [01]\.\d OK/);
  });
});

describe('an instance of the systemd unit', () => {
  it('binds the port that it is named after, whatever the file of settings says', async () => {
    const port = String(await freePort());
    const [command, ...args] = settings('ExecStart')[0]!.replaceAll('%i', port).split(' ');
    const service = new Program(command!, args, { env: { ...process.env, PORT: '1' } });
    expect(await service.listening()).toBe(Number(port));
    service.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  it('is given longer to end than its own shutdown timeout takes', () => {
    const { SHUTDOWN_TIMEOUT_MS } = validate(ENVIRONMENT);
    expect(Number(settings('TimeoutStopSec')[0]) * 1000).toBeGreaterThan(SHUTDOWN_TIMEOUT_MS + 2000);
  });
});
