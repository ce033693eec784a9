// JavaScript, because `build-if-stale.mjs` imports it before anything is built.

/**
 * Ends the process in one line on a Node.js that is too old. Import it before anything that needs a newer one.
 * package.json has the same number in `engines`, which npm only warns of.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`This needs Node.js 20.19 or newer, and this is ${major}.${minor}.\n`);
  process.exit(1);
}
