/** Code that looks beside itself, where in the bundle there is nothing. */
const BESIDE_ITSELF = /\b__dirname\b|\bimport_meta\.dirname\b|\b(new URL|createRequire)\([^)]*\bimport_meta\.url\b/;

/**
 * Who does without what it does not find: Nest looks for packages by name, Express for template engines. And who lacks
 * something only when asked for more, and says so: socket.io serves browsers its client, BullMQ has processors in files,
 * pino has transports. Not so Swagger's page: it is what it is installed for.
 */
const DOES_WITHOUT =
  /[\\/]node_modules[\\/](@nestjs[\\/](?!swagger[\\/]dist[\\/]swagger-ui[\\/])|express[\\/]lib[\\/]view\.js$|(socket\.io|bullmq|pino|thread-stream)[\\/])/;

/**
 * Makes what the bundle cannot carry an error of the build, which names the file and the way out. At run time it would
 * be a riddle: a package that is said to be missing, though it is installed.
 */
export class NoRiddles {
  apply(compiler) {
    compiler.hooks.compilation.tap(NoRiddles.name, (compilation) => {
      const refuse = (file, what) => {
        if (DOES_WITHOUT.test(file)) return;
        const way = 'The way out: "Without the bundle" in the README.';
        compilation.errors.push(new Error(`${file} cannot be bundled: ${what}. ${way}`));
      };
      compilation.hooks.finishModules.tap(NoRiddles.name, (modules) => {
        for (const module of modules) {
          if (!/[\\/]node_modules[\\/]/.test(module.resource)) continue;
          const [found] = BESIDE_ITSELF.exec(module.originalSource()?.source().toString()) ?? [];
          if (found !== undefined) refuse(module.resource, `with ${found} it looks for what is beside it`);
        }
      });
      compilation.hooks.afterSeal.tap(NoRiddles.name, () => {
        for (const { message, module } of compilation.warnings) {
          refuse(module?.resource ?? 'The program', message.replace(/^\W+/, '').split('\n')[0]);
        }
      });
    });
  }
}
