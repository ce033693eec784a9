/** A class of the bundle whose name begins with that of its file. */
const RENAMED = /\bclass (\w+_\w+)(?: extends [^\n]+)? \{(?=\n)/g;

/**
 * Gives a class its name back. Where modules are put into one scope, the bundler renames a class whose name is taken,
 * AppModule of app.module.ts to app_module_AppModule; but Nest's messages tell the names of classes.
 */
export class KeepClassNames {
  apply(compiler) {
    const { Compilation, sources } = compiler.webpack;
    const stage = Compilation.PROCESS_ASSETS_STAGE_OPTIMIZE; // before the minimizer
    compiler.hooks.thisCompilation.tap(KeepClassNames.name, (compilation) =>
      compilation.hooks.processAssets.tap({ name: KeepClassNames.name, stage }, () => {
        const prefixes = [...compilation.modules]
          .flatMap((module) => module.modules ?? [module])
          .map(({ resource }) => /([^/\\]+)\.[^.]+$/.exec(resource)?.[1].replace(/\W/g, '_') ?? '')
          .toSorted((a, b) => b.length - a.length);
        compilation.updateAsset('bundle.js', (asset) => {
          const named = new sources.ReplaceSource(asset);
          for (const { 0: head, 1: id, index } of asset.source().toString().matchAll(RENAMED)) {
            const prefix = prefixes.find((each) => id.startsWith(`${each}_`));
            if (prefix) named.insert(index + head.length, property(id.slice(prefix.length + 1)));
          }
          return named;
        });
      }),
    );
  }
}

const property = (name) => `static { Object.defineProperty(this, 'name', { value: '${name}', configurable: true }); }`;
