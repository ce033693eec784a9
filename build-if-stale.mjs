// Runs before `npm start`: builds when a source is newer than the build. Platforms start the service without the build
// tools, or on a read-only file system. There it starts as it was built.
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

if (existsSync('src')) await import('./src/node-version.js');

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
// A folder counts too: its time is that of the last file that was added or removed.
const folders = ['src', 'packages'].filter((folder) => existsSync(folder));
const files = folders.flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)));
const sources = ['nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', ...folders, ...files];

const builtAt = changedAt('dist/main.js');
const stale = sources.some((source) => changedAt(source) > builtAt);
if (stale && existsSync('node_modules/@nestjs/cli') && isWritable()) {
  const build = spawn('npm', ['run', 'build'], { stdio: 'inherit' });
  process.on('SIGTERM', () => build.kill()); // A platform may stop the service while it builds.
  build.on('exit', (status) => process.exit(status ?? 1));
} else if (builtAt === 0) {
  process.stderr.write('There is no build to start, and nothing to build with: run npm ci && npm run build first.\n');
  process.exit(1);
}

function isWritable() {
  try {
    accessSync('.', constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
