import { execFileSync, spawnSync } from 'node:child_process';

/** The image that the tests run. */
export const IMAGE = 'port-binding-service:test';

/** Is there an engine to run it? */
export const hasDocker = () => spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0;

/** Builds the image before the first test, where there is an engine: Jest's `globalSetup`, which has to be JavaScript. */
export default function buildImage() {
  if (hasDocker()) {
    // With the host's network, as some engines reach the package registry only from there. Ten minutes are for a slow one.
    execFileSync('docker', ['build', '--quiet', '--network', 'host', '--tag', IMAGE, '.'], {
      stdio: 'pipe',
      timeout: 600_000,
    });
  }
}
