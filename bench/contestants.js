import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BENCH = dirname(fileURLToPath(import.meta.url));
export const ROOT = dirname(BENCH);

/**
 * Who is compared: how each is started, and what of it is deployed, its own files and its npm packages. Each takes its
 * port from PORT and prints it when it listens, and all give answers of the same form on `/` and `/health/live`. The last
 * one is the image's program.
 */
export const contestants = [
  {
    name: 'node:http',
    args: ['contestants/raw.cjs'],
    cwd: BENCH,
    files: ['contestants/raw.cjs'],
    packages: [],
  },
  {
    name: 'Express',
    args: ['contestants/express.js'],
    cwd: BENCH,
    files: ['contestants/express.js'],
    packages: ['express'],
  },
  {
    // With what the service has: its flags, its settings, and a cache of its own that a start before this one has filled.
    name: 'Express, tuned',
    args: [...imageFlags(), 'contestants/express.js', '--tuned'],
    env: { NODE_COMPILE_CACHE: join(BENCH, '.cache') },
    cwd: BENCH,
    files: ['contestants/express.js', '.cache'],
    packages: ['express'],
  },
  {
    name: 'Fastify',
    args: ['contestants/fastify.js'],
    cwd: BENCH,
    files: ['contestants/fastify.js'],
    packages: ['fastify'],
  },
  {
    name: 'nest new',
    args: ['contestants/nest-new/dist/main.js'],
    cwd: BENCH,
    files: ['contestants/nest-new/dist'],
    packages: ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'],
  },
  {
    name: 'plain build',
    args: [...imageFlags(), 'dist/main.js'],
    cwd: ROOT,
    files: ['dist'],
    packages: Object.keys(readManifest(ROOT).dependencies),
    installed: ROOT,
  },
  {
    name: 'this service',
    args: [...imageFlags(), 'bundle/main.js'],
    cwd: ROOT,
    files: ['bundle'],
    packages: [],
  },
];

export function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** Those that the image gives to Node, as far as this Node knows them. */
function imageFlags() {
  const [, command] = /^CMD (\[[^\]]+\])/m.exec(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')) ?? [];
  return JSON.parse(command).filter((word) => process.allowedNodeEnvironmentFlags.has(word.replace(/=.*/, '')));
}
