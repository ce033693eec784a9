import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The state of a socket that listens, in the kernel's table. */
const LISTEN = '0A';

export interface Address {
  host: string;
  port: number;
}

/**
 * Where this container listens, by the kernel's own account
 * (https://docs.kernel.org/networking/proc_net_tcp.html): the sockets that are open in one of its processes, as a
 * network namespace can have others, Docker's name server for one. A socket bound to every address is given as the
 * loopback.
 */
export function listeningSockets(proc = '/proc'): Address[] {
  const open = new Set(openFiles(proc));
  return ['net/tcp', 'net/tcp6']
    .flatMap((table) => attempt(() => readFileSync(join(proc, table), 'utf8').trim().split('\n').slice(1)))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTEN && open.has(`socket:[${inode}]`))
    .map(([, local = '']) => local.split(':'))
    .map(([address = '', port = '']) => ({ host: host(address), port: parseInt(port, 16) }));
}

/** What the files are that the processes have open. */
function openFiles(proc: string): string[] {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => join(proc, pid, 'fd'))
    .flatMap((folder) => attempt(() => readdirSync(folder)).map((fd) => join(folder, fd)))
    .flatMap((file) => attempt(() => [readlinkSync(file)]));
}

/** An empty list for what has just gone, is another user's, or is no part of this kernel, as IPv6 may be. */
function attempt(list: () => string[]): string[] {
  try {
    return list();
  } catch {
    return [];
  }
}

/** The kernel writes each word of an address, of 32 bits, as a number of a machine that is little-endian. */
function host(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  const address =
    bytes.length === 4
      ? bytes.map((byte) => parseInt(byte, 16)).join('.')
      : (bytes.join('').match(/.{4}/g) ?? []).join(':');
  return /^[0.:]+$/.test(address) ? '127.0.0.1' : address;
}
