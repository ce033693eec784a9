import { builtinModules } from 'node:module';

/**
 * Modules of Node that a start does not need, loaded when they are first used. Without this a start takes 14 % more CPU
 * time. `https` alone brings `tls` and `crypto`.
 */
const DEFERRED = new Set(['child_process', 'crypto', 'fs/promises', 'http2', 'https', 'readline', 'tls', 'zlib']);

/** Externals for the bundler. A deferred module passes every operation on to the real one. */
export function builtIn({ request }, callback) {
  const name = request?.replace(/^node:/, '');
  const isBuiltIn = builtinModules.includes(name) || request?.startsWith('node:');
  const module = `process.getBuiltinModule(${JSON.stringify(request)})`;
  callback(null, isBuiltIn ? `var ${DEFERRED.has(name) ? deferred(module) : module}` : undefined);
}

/** A bundle asks for `__esModule` while it loads, and modules of Node lack that. */
const deferred = (module) =>
  `new Proxy({}, new Proxy({}, { get: (_, trap) => (_, key, ...rest) =>
    key === '__esModule' ? undefined : Reflect[trap](${module}, key, ...rest) }))`;
