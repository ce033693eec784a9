// The bundler's configuration: the program in one script, and the probe in another. A start of the plain build takes 6 times
// the CPU time of a start of all this. Each figure says what a start takes without one part of it, on Node 26.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  BannerPlugin,
  IgnorePlugin,
  ProvidePlugin,
  SourceMapDevToolPlugin,
  SwcJsMinimizerRspackPlugin,
} from '@rspack/core';
import { builtIn } from './built-in.js';

const HERE = import.meta.dirname;

/** Text around the bundle: after the minimizer, which would drop it, and before the source map. */
const wrap = (banner, footer) => new BannerPlugin({ banner, footer, raw: true, include: 'bundle.js', stage: 450 });

export function configuration(project, folder) {
  const built = join(project, 'dist');
  return {
    context: project,
    mode: 'production',
    target: 'node20',
    devtool: false,
    // `reflect-metadata` first, because Nest's own import of it is one of those that nobody seems to need.
    entry: { bundle: ['reflect-metadata', join(built, 'main.js')], 'probe/probe': join(built, 'probe/probe.js') },
    output: { path: folder, filename: '[name].js', importMetaName: 'import_meta' },
    externals: [builtIn],
    externalsPresets: { node: false },
    node: false,
    resolve: {
      alias: {
        // RxJS gives Node its CommonJS build, which loads as a whole: without this a start takes 7 % more CPU time.
        rxjs$: join(project, 'node_modules/rxjs/dist/esm/index.js'),
        'rxjs/operators$': join(project, 'node_modules/rxjs/dist/esm/operators/index.js'),
        'mime-types$': join(HERE, 'lazy/mime-types.cjs'),
      },
    },
    module: {
      // Modules that `import()` loads are in the one file too, and run when they are imported.
      parser: {
        javascript: { dynamicImportMode: 'eager', importMeta: false, url: true, worker: false, createRequire: false },
      },
      rules: [
        { test: /\.js$/, include: built, extractSourceMap: true },
        // Nest's packages do not say so, but modules that nobody imports need not run. Without this a start takes 8 % more.
        {
          test: /node_modules[\\/]@nestjs[\\/](common|config|core|platform-express|terminus)[\\/]/,
          sideEffects: false,
        },
      ],
    },
    plugins: [
      // Packages do without what npm has not installed, in a bundle as without one.
      new IgnorePlugin({
        checkResource: (request, from) =>
          /^[^./]/.test(request) && from.includes('node_modules') && !isInstalled(request, from),
      }),
      new ProvidePlugin({ 'Intl.DateTimeFormat': join(HERE, 'lazy/date-time-format.cjs') }),
      wrap('(function (exports, require, module, __filename, __dirname, import_meta) {', false),
      wrap('})', true),
      new SourceMapDevToolPlugin({
        filename: '[file].map',
        moduleFilenameTemplate: '../[resource-path]',
        noSources: true,
      }),
    ],
    optimization: {
      nodeEnv: false,
      // In one scope, classes of the same name would be renamed, and their names are in messages, tokens and tables.
      concatenateModules: false,
      // Without it a start takes 12 % more. Nest's messages name classes and functions.
      minimizer: [
        new SwcJsMinimizerRspackPlugin({
          minimizerOptions: {
            compress: { keep_classnames: true, keep_fnames: true },
            mangle: { keep_classnames: true, keep_fnames: true },
            format: { comments: false, ascii_only: true },
          },
        }),
      ],
    },
  };
}

function isInstalled(request, folder) {
  try {
    return Boolean(createRequire(join(folder, 'file.js')).resolve(request));
  } catch ({ code }) {
    return code !== 'MODULE_NOT_FOUND'; // It may be for import() only.
  }
}
