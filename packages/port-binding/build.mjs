// Builds the package twice: as ES modules, and as CommonJS for programs and test runners that `require()` it.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const compile = (...args) =>
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', ...args], { stdio: 'inherit' });

rmSync('dist', { recursive: true, force: true });
compile();
// TypeScript asks the nearest package.json which of the two a file is, the sources' own among them. Checked once is enough.
compile('--outDir', 'dist/cjs', '--module', 'commonjs', '--moduleResolution', 'bundler', '--noCheck');
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n');
