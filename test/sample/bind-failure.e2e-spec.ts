import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { run, start, type Program } from '../support/service.js';

async function expectRefusal(service: Program, line: RegExp): Promise<void> {
  expect(await service.exit).toEqual({ code: 1, signal: null });
  expect(service.stderr).toMatch(line);
  expect(service.stdout).toBe('');
}

it('says which port is taken and the ways out, and leaves the first instance alone', async () => {
  const { port, url } = await start();
  await expectRefusal(
    run({ PORT: String(port) }),
    new RegExp(`^Port ${port} is taken .* another port, or choose 0 .*\\.\n$`),
  );
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

// Linux may let everybody bind every port, as Docker has it in containers: nothing is privileged there.
const firstUnprivileged = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));

(firstUnprivileged > 80 ? it : it.skip)('says that a privileged port needs a permission', async () => {
  // Root has it, unless it is taken away.
  const via = process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-net_bind_service'] : [];
  await expectRefusal(
    run({ PORT: '80' }, { via }),
    /^Port 80 is privileged and permission to bind it was denied: .* above 1023 .*\.\n$/,
  );
});

it('says that HOST is no address of this machine', async () => {
  // 192.0.2.0/24 is kept for documentation (RFC 5737): no machine has it.
  await expectRefusal(
    run({ PORT: '0', HOST: '192.0.2.1' }),
    /^The host 192\.0\.2\.1 is no address of this machine: .*\.\n$/,
  );
});

it('says that HOST does not resolve', async () => {
  // No name under .invalid ever resolves (RFC 6761).
  await expectRefusal(
    run({ PORT: '0', HOST: 'nowhere.invalid' }),
    /^The host nowhere\.invalid does not resolve .*\.\n$/,
  );
});
