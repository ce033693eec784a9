import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from './package.json' with { type: 'json' };
import { BENCH } from './contestants.js';

/** The peers and the load generator, which are no dependencies of the project. */
export function installPeers() {
  const names = Object.keys({ ...packageJson.dependencies, ...packageJson.devDependencies });
  if (names.every((name) => existsSync(join(BENCH, 'node_modules', name)))) return;
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: BENCH, stdio: 'inherit' });
}
