/**
 * Nest looks for packages by name, and does without those that it does not find; Express does for template engines, and
 * BullMQ in processes of its own.
 */
const HARMLESS =
  /[\\/]node_modules[\\/](@nestjs[\\/]|express[\\/]lib[\\/]view\.js$|bullmq[\\/].*[\\/]child-processor\.js$)/;

/**
 * Makes what the bundle cannot carry an error of the build, which names the file and the way out. At run time it would
 * be a riddle: a package that is said to be missing, though it is installed.
 */
export class NoRiddles {
  apply(compiler) {
    compiler.hooks.afterCompile.tap(NoRiddles.name, (compilation) => {
      const problems = compilation.warnings.filter(({ module }) => !HARMLESS.test(module?.resource ?? ''));
      for (const { message, module } of problems) {
        const [what] = message.replace(/^\W+/, '').split('\n');
        const error = new Error(
          `${module?.resource ?? 'The program'} cannot be bundled: ${what}. The way out: "Without the bundle" in the README.`,
        );
        compilation.errors.push(error);
      }
    });
  }
}
