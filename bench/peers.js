import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH } from './contestants.js';

/** The peers and the load generator, which are no dependencies of the project. */
export function installPeers() {
  if (existsSync(join(BENCH, 'node_modules/autocannon'))) return;
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: BENCH, stdio: 'inherit' });
}
