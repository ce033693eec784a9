import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BENCH = dirname(fileURLToPath(import.meta.url));
export const ROOT = dirname(BENCH);

/**
 * Who is compared: how each is started, and what of it is deployed, its own files and its npm packages. Each takes its
 * port from PORT and prints it when it listens, and all give answers of the same form on `/` and `/health/live`.
 */
export const contestants = [
  {
    name: 'node:http',
    args: ['contestants/raw.cjs'],
    cwd: BENCH,
    files: 'contestants/raw.cjs',
    packages: [],
  },
  {
    name: 'Express',
    args: ['contestants/express.js'],
    cwd: BENCH,
    files: 'contestants/express.js',
    packages: ['express'],
  },
  {
    name: 'Fastify',
    args: ['contestants/fastify.js'],
    cwd: BENCH,
    files: 'contestants/fastify.js',
    packages: ['fastify'],
  },
  {
    name: 'nest new',
    args: ['contestants/nest-new/dist/main.js'],
    cwd: BENCH,
    files: 'contestants/nest-new/dist',
    packages: ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'],
  },
  {
    // As in its image: with the compiled code that a start before this one has left, see the Dockerfile.
    name: 'this service',
    ...startedBy(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts['start:prod']),
    cwd: ROOT,
    files: 'dist',
    packages: [],
  },
];

/** Takes a script such as `exec NAME=value node --flag dist/main.js` apart, so that what is measured is what ships. */
function startedBy(script) {
  const [, variables, args] = /^(?:exec )?((?:\w+=\S* )*)node (.+)$/.exec(script) ?? [];
  if (args === undefined) {
    throw new Error(`The benchmark cannot tell how start:prod starts Node: ${script}`);
  }
  const env = Object.fromEntries([...variables.matchAll(/(\w+)=(\S*) /g)].map(([, name, value]) => [name, value]));
  return { args: args.split(' '), env: { NODE_COMPILE_CACHE: join(BENCH, '.cache'), ...env } };
}
