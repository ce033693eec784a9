import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH, ROOT } from './contestants.js';

/** Installs the peers, the load generator and the bundler, which are no dependencies of the project. */
export function installPeers() {
  for (const folder of [BENCH, join(ROOT, 'speed')]) {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const names = Object.keys({ ...dependencies, ...devDependencies });
    if (names.every((name) => existsSync(join(folder, 'node_modules', name)))) continue;
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' });
  }
}

/** Makes the image's program of what is built in this folder. */
export function makeBundle(folder) {
  execFileSync(process.execPath, [join(ROOT, 'speed/bundle.js'), '--bundle=yes'], { cwd: folder, stdio: 'inherit' });
}
