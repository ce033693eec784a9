// Starts a program and asks it, to see whether a bundle does what the plain build does, and to fill its code cache.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A bound and no measure: a busy machine takes long. */
const LIMIT_MS = 60_000;

/** Any answer will do: a fork may have other routes. */
const PATHS = ['/', '/health', '/health/ready', '/health/live'];

/**
 * @param kind 'plain', or 'bundle' for a program that must not find packages beside it
 * @returns whether the program answers, and in words what it answers or why it does not
 */
export async function tryOut(main, kind) {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    ['--require', join(import.meta.dirname, 'trial.cjs'), '--enable-source-maps', main],
    {
      env: { ...process.env, NODE_ENV: 'production', PORT: String(port), ON_TRIAL: kind },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  const gone = new AbortController();
  const closed = once(child, 'close').then(() => gone.abort());
  const limit = AbortSignal.timeout(LIMIT_MS);
  limit.addEventListener('abort', () => child.kill('SIGKILL'));

  const statuses = await ask(port, AbortSignal.any([limit, gone.signal])).catch(() => undefined);
  if (statuses) child.send('enough');
  await closed;
  if (statuses) return { answers: true, words: `answers ${statuses.join(', ')}` };
  if (limit.aborted) return { answers: false, words: `does not answer within ${LIMIT_MS / 1000} s` };
  return { answers: false, words: `does not start: ${reasonIn(said)}` };
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  await once(server.close(), 'close');
  return port;
}

/** Asks one path after the other, the first one until the program listens. */
async function ask(port, signal) {
  const statuses = [];
  while (statuses.length < PATHS.length) {
    const request = get({ host: 'localhost', port, path: PATHS[statuses.length], agent: false, signal });
    try {
      // oxlint-disable-next-line no-await-in-loop
      const [response] = await once(request, 'response');
      response.resume();
      statuses.push(response.statusCode);
    } catch (error) {
      if (signal.aborted || statuses.length > 0) throw error;
      // oxlint-disable-next-line no-await-in-loop
      await delay(20, undefined, { signal });
    }
  }
  return statuses;
}

/** The line of an output that tells why the program ended. */
function reasonIn(said) {
  const lines = said.trim().split('\n').map(messageOf);
  return lines.findLast((line) => /Error: /.test(line)) ?? lines.at(-1);
}

function messageOf(line) {
  try {
    const { message, error } = JSON.parse(line);
    return String(error?.message ?? message);
  } catch {
    return line.trim();
  }
}

// node speed/trial.js dist/main.js: takes the code cache of a bundle where it will run, because the cache has the path in it.
if (process.argv[1] === import.meta.filename) {
  const { answers, words } = await tryOut(resolve(process.argv[2]), 'bundle');
  if (!answers) console.log(`The code cache is not complete, because the program ${words}.`);
}
