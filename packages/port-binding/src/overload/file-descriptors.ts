import { readFileSync } from 'node:fs';

/**
 * File descriptors that a process needs beside its connections. Node has some 25. Others are for files, for a pool of
 * database connections, and for connections that are about to be refused with an answer.
 */
const OTHERS = 128;

/** @returns how many connections the process's limit of file descriptors allows; Infinity where none is known */
export function connectionsByFileDescriptors(): number {
  const limit = softLimit();
  return limit - Math.min(OTHERS, Math.ceil(limit / 2));
}

function softLimit(): number {
  if (process.platform !== 'linux') return Infinity;
  const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
  return Number(limit ?? Infinity);
}
