// Preloaded into a program on trial, see trial.js.
'use strict';
const { registerHooks } = require('node:module');

// A bundle has no packages beside it, so it must not find the project's. Node 20 lacks such hooks.
if (process.env.ON_TRIAL === 'bundle') {
  registerHooks?.({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (!found.url.includes('/node_modules/')) return found;
      throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
}

// The parent sends a message when it has all answers. At the end the loader keeps the code that V8 has compiled.
process.once('message', () => process.exit());
process.once('exit', () => process.mainModule?.exports.writeCache?.());
