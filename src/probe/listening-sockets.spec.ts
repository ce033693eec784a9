import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { listeningSockets } from './listening-sockets.js';

describe('in this process', () => {
  it.each(['127.0.0.1', '0.0.0.0', '::'])('finds the port of a socket that listens on %s', async (host) => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, host, done));
    const { port } = server.address() as AddressInfo;
    expect(listeningSockets()).toContainEqual({ host: '127.0.0.1', port });
    server.close();
  });
});

describe('in a container', () => {
  let proc: string;

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'proc-'));
    mkdirSync(join(proc, 'net'));
    mkdirSync(join(proc, '1/fd'), { recursive: true });
    mkdirSync(join(proc, '77'));
    symlinkSync('/dev/null', join(proc, '1/fd/0'));
    symlinkSync('socket:[4711]', join(proc, '1/fd/20'));
  });

  afterEach(() => {
    rmSync(proc, { recursive: true });
  });

  const table = (name: string, ...sockets: [local: string, state: string, inode: number][]) =>
    writeFileSync(
      join(proc, 'net', name),
      [
        '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
        ...sockets.map(
          ([local, state, inode]) =>
            `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 65532 0 ${inode} 1`,
        ),
        '',
      ].join('\n'),
    );

  it.each([
    ['tcp', '00000000:0BB8', { host: '127.0.0.1', port: 3000 }],
    ['tcp', '0500A8C0:1F90', { host: '192.168.0.5', port: 8080 }],
    ['tcp6', '00000000000000000000000000000000:1F90', { host: '127.0.0.1', port: 8080 }],
    ['tcp6', '00000000000000000000000001000000:1F90', { host: '0000:0000:0000:0000:0000:0000:0000:0001', port: 8080 }],
    ['tcp6', 'B80D0120000000000000000001000000:0050', { host: '2001:0DB8:0000:0000:0000:0000:0000:0001', port: 80 }],
  ])('reads %s %s', (name, local, address) => {
    table(name, [local, '0A', 4711]);
    expect(listeningSockets(proc)).toEqual([address]);
  });

  it('leaves out sockets that do not listen, and those of nobody here, such as the name server', () => {
    table('tcp', ['0B00007F:A2C1', '0A', 4710], ['00000000:0BB8', '01', 4711]);
    expect(listeningSockets(proc)).toEqual([]);
  });
});
