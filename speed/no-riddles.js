/**
 * Nest looks for packages by name, and does without those that it does not find; Express does for template engines, and
 * BullMQ in processes of its own.
 */
const HARMLESS =
  /[\\/]node_modules[\\/](@nestjs[\\/]|express[\\/]lib[\\/]view\.js$|bullmq[\\/].*[\\/]child-processor\.js$)/;

/** Code that looks beside itself, where in the bundle there is nothing. */
const OWN_FILES = /\b__dirname\b|\bimport_meta\.dirname\b|\b(new URL|createRequire)\([^)]*\bimport_meta\.url\b/;

/**
 * Who does without that unless it is asked for more: Nest's packages look for others, socket.io serves browsers its client,
 * BullMQ has processors in files, and pino has transports. Asked for that, they say at run time what they lack. Swagger's
 * page is not among them: it is what it is installed for.
 */
const RARE_FILES =
  /[\\/]node_modules[\\/](@nestjs[\\/](?!swagger[\\/]dist[\\/]swagger-ui[\\/])|socket\.io|bullmq|pino|thread-stream)/;

/**
 * Makes what the bundle cannot carry an error of the build, which names the file and the way out. At run time it would
 * be a riddle: a package that is said to be missing, though it is installed.
 */
export class NoRiddles {
  apply(compiler) {
    compiler.hooks.compilation.tap(NoRiddles.name, (compilation) => {
      const refuse = (file, what) =>
        compilation.errors.push(
          new Error(`${file} cannot be bundled: ${what}. The way out: "Without the bundle" in the README.`),
        );
      compilation.hooks.finishModules.tap(NoRiddles.name, (modules) => {
        for (const module of modules) {
          const { resource = '' } = module;
          if (!/[\\/]node_modules[\\/]/.test(resource) || RARE_FILES.test(resource)) continue;
          const [found] = OWN_FILES.exec(module.originalSource()?.source().toString()) ?? [];
          if (found !== undefined) refuse(resource, `with ${found} it looks for what is beside it`);
        }
      });
      compilation.hooks.afterSeal.tap(NoRiddles.name, () => {
        for (const { message, module } of compilation.warnings) {
          if (HARMLESS.test(module?.resource ?? '')) continue;
          refuse(module?.resource ?? 'The program', message.replace(/^\W+/, '').split('\n')[0]);
        }
      });
    });
  }
}
