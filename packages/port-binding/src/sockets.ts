import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** The state of a socket that listens, in the kernel's table. */
const LISTEN = '0A';

/** A flag of a Unix socket that listens. */
const ACCEPTS = 0x10000;

/** The name server that Docker runs inside of a container's network. */
const DOCKERS_OWN = '127.0.0.11';

export interface Listening {
  /** `::` and `0.0.0.0` are every interface. */
  address: string;
  port: number;
}

/**
 * The TCP sockets on which processes listen (https://docs.kernel.org/networking/proc_net_tcp.html).
 *
 * @param pids the processes. By default, all that this one sees: in a container, those of the container.
 */
export function listening(pids = everyProcess()): Listening[] {
  const open = openSockets(pids);
  return table('/proc/net', (inode) => open.has(inode));
}

/** Every TCP socket that listens in the network of one process: in a container, all of them are the container's. */
export function listeningInNetworkOf(pid: number): Listening[] {
  return table(`/proc/${pid}/net`, () => true).filter(({ address }) => address !== DOCKERS_OWN);
}

/** The Unix sockets in the file system on which these processes listen. */
export function listeningOnFiles(pids: number[]): string[] {
  const open = openSockets(pids);
  return rows('/proc/net/unix').flatMap(([, , , flags = '', , , inode = '', ...path]) =>
    parseInt(flags, 16) & ACCEPTS && open.has(inode) && path.length > 0 && !path[0]!.startsWith('@')
      ? [path.join(' ')]
      : [],
  );
}

function table(folder: string, isWanted: (inode: string) => boolean): Listening[] {
  return ['tcp', 'tcp6'].flatMap((name) =>
    rows(`${folder}/${name}`).flatMap(([, local = '', , state, , , , , , inode = '']) => {
      const [address = '', port = ''] = local.split(':');
      return state === LISTEN && isWanted(inode) ? [{ address: readable(address), port: parseInt(port, 16) }] : [];
    }),
  );
}

function rows(file: string): string[][] {
  return attempt(() => readFileSync(file, 'latin1').trim().split('\n').slice(1)).map((line) =>
    line.trim().split(/\s+/),
  );
}

function everyProcess(): number[] {
  return readdirSync('/proc').map(Number).filter(Boolean);
}

function openSockets(pids: number[]): Set<string> {
  return new Set(
    pids
      .flatMap((pid) => attempt(() => readdirSync(`/proc/${pid}/fd`)).map((fd) => `/proc/${pid}/fd/${fd}`))
      .flatMap((file) => attempt(() => [readlinkSync(file)]))
      .flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []),
  );
}

/** The kernel writes each 32-bit word of an address as a number in the byte order of the machine, little-endian. */
function readable(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map((byte) => parseInt(byte, 16)).join('.');
  if (bytes.every((byte) => byte === '00')) return '::';
  const groups = (bytes.join('').match(/.{4}/g) ?? []).map((group) => parseInt(group, 16).toString(16));
  return groups.join(':') === '0:0:0:0:0:0:0:1' ? '::1' : groups.join(':');
}

/** An empty list in place of what has just gone, or belongs to another user. */
export function attempt<T>(list: () => T[]): T[] {
  try {
    return list();
  } catch {
    return [];
  }
}
