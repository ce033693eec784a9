// Loads the bundle beside it with V8's code cache, if there is one that was taken of it: `fill.js` does that.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { debuglog } = require('node:util');
const { cachedDataVersionTag } = require('node:v8');
const { constants, Script } = require('node:vm');
const { crc32 } = require('node:zlib');

const filename = path.join(__dirname, 'bundle.js');
const cacheFile = path.join(__dirname, 'bundle.cache');
const [source, checksum] = readSource();

/** Read by a function, as the bytes would stay in memory beside the text otherwise. */
function readSource() {
  const bytes = readFileSync(filename);
  return [bytes.toString(), crc32(bytes)];
}

/**
 * What a cache is for, and that it is whole. V8 itself takes that of another Node for its own and crashes
 * (https://github.com/nodejs/node/issues/62781), runs what is garbled, and compares of the source only the length. The
 * tag stands for V8's version, its flags and the processor.
 */
const seal = (data) => `${process.version} ${process.arch} ${cachedDataVersionTag()} ${crc32(data, checksum)}\n`;

function readCache() {
  try {
    const file = readFileSync(cacheFile);
    const data = file.subarray(file.indexOf('\n') + 1);
    if (file.toString('latin1', 0, file.length - data.length) === seal(data)) return data;
  } catch {
    // A slower start, and nothing else.
  }
  return undefined;
}

const script = new Script(source, {
  filename,
  cachedData: readCache(),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

// Told with NODE_DEBUG=code_cache in the environment.
debuglog('code_cache')(script.cachedDataRejected === false ? 'used' : 'not used');

/** Keeps what V8 has compiled so far. */
exports.writeCache = () => {
  const data = script.createCachedData();
  writeFileSync(cacheFile, Buffer.concat([Buffer.from(seal(data)), data]));
};

// Node takes note of the source maps of modules alone: of an empty one of that name, in place of the script.
const bundle = new Module(filename, module);
bundle.filename = filename;
// oxlint-disable-next-line no-underscore-dangle
bundle._compile('//# sourceMappingURL=bundle.js.map', filename);

script.runInThisContext()(bundle.exports, require, bundle, filename, __dirname);
