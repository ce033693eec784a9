// The program's main.js: runs bundle.js, which is beside it, with V8's code cache. Without the cache a start takes 66 % more
// CPU time.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { debuglog } = require('node:util');
const { cachedDataVersionTag } = require('node:v8');
const { constants, Script } = require('node:vm');
const { crc32 } = require('node:zlib');

const filename = path.join(__dirname, 'bundle.js');
const cacheFile = path.join(__dirname, 'bundle.cache');
const source = readFileSync(filename, 'latin1'); // The minimizer writes ASCII, which V8 keeps in half the memory.

/**
 * Says which Node and which bundle the cache is for, with a checksum. V8 would take another Node's cache and crash
 * (https://github.com/nodejs/node/issues/62781), would run a damaged one, and compares only the length of the source. The
 * tag stands for V8's version, its flags and the processor. The path is in the cache, too: with another one, stack traces
 * would not find the source map.
 */
const seal = (data) =>
  `${process.version} ${process.arch} ${cachedDataVersionTag()} ${crc32(data, crc32(filename, crc32(source)))}\n`;

function readCache() {
  try {
    const file = readFileSync(cacheFile);
    const data = file.subarray(file.indexOf('\n') + 1);
    if (file.toString('latin1', 0, file.length - data.length) === seal(data)) return data;
  } catch {
    // The start takes longer, and nothing else happens.
  }
  return undefined;
}

const script = new Script(source, {
  filename,
  cachedData: readCache(),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

// NODE_DEBUG=code_cache in the environment shows this.
debuglog('code_cache')(script.cachedDataRejected === false ? 'used' : 'not used');

/** Keeps what V8 has compiled so far. */
exports.writeCache = () => {
  const data = script.createCachedData();
  writeFileSync(cacheFile, Buffer.concat([Buffer.from(seal(data)), data]));
};

// Node reads source maps only for modules: for an empty one of that name, in place of the script.
const bundle = new Module(filename, module);
bundle.filename = filename;
// oxlint-disable-next-line no-underscore-dangle
bundle._compile('//# sourceMappingURL=bundle.js.map', filename);

// The bundle's import.meta, which scripts lack.
const meta = {
  filename,
  dirname: __dirname,
  get url() {
    return pathToFileURL(filename).href;
  },
  resolve: (specifier) => pathToFileURL(require.resolve(specifier)).href,
};
script.runInThisContext()(bundle.exports, require, bundle, filename, __dirname, meta);
