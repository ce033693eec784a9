import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The state of a socket that listens, in the kernel's table. */
const LISTEN = '0A';

export interface Address {
  host: string;
  port: number;
}

/**
 * Finds where this container listens, in the kernel's own table (https://docs.kernel.org/networking/proc_net_tcp.html).
 * Only sockets that one of its processes has open count, because a network namespace can have others, such as Docker's name
 * server. A socket bound to every address is given as the loopback.
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

/** The files that the processes have open. */
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

/** The kernel writes each 32-bit word of an address as a little-endian number. */
function host(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  const address =
    bytes.length === 4
      ? bytes.map((byte) => parseInt(byte, 16)).join('.')
      : (bytes.join('').match(/.{4}/g) ?? []).join(':');
  return /^[0.:]+$/.test(address) ? '127.0.0.1' : address;
}
