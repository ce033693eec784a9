import { builtinModules } from 'node:module';

/** What Node brings and a start does not need: `https` alone brings `tls` and `crypto`, a third of an empty Node. */
const DEFERRED = new Set(['child_process', 'crypto', 'fs/promises', 'http2', 'https', 'readline', 'tls', 'zlib']);

/**
 * Externals for the bundler: the modules of Node, taken without a search, and the deferred ones when they are first
 * asked for anything. All that can be done to such a module is done to the real one, so nobody sees a difference.
 */
export function builtIn({ request }, callback) {
  const name = request?.replace(/^node:/, '');
  const module = `process.getBuiltinModule(${JSON.stringify(request)})`;
  if (DEFERRED.has(name)) callback(null, `var ${deferred(module)}`);
  else if (builtinModules.includes(name) || request?.startsWith('node:')) callback(null, `var ${module}`);
  else callback();
}

/** Of `__esModule` a bundle asks while it loads. No module of Node has it. */
const deferred = (module) =>
  `new Proxy({}, new Proxy({}, { get: (_, trap) => (_, key, ...rest) =>
    key === '__esModule' ? undefined : Reflect[trap](${module}, key, ...rest) }))`;
