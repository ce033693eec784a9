import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(import.meta.url);

/** Packages that Nest looks for at run time and does without. Leaving the absent ones out saves the search. */
const optionalPeers = /^(@nestjs\/(microservices|swagger|websockets)|class-transformer|class-validator)(\/|$)/;

function isInstalled(request) {
  try {
    return Boolean(require.resolve(request));
  } catch {
    return false;
  }
}

/**
 * The service in two files: `main.js` is this project's code, `vendor.js` all that it needs of its dependencies. To find,
 * load and compile some 600 files is most of what a Nest service does when it starts. `probe.js` is a program of its own.
 */
export default (options, { IgnorePlugin, SourceMapDevToolPlugin, SwcJsMinimizerRspackPlugin }) => ({
  ...options,
  mode: 'production',
  devtool: false,
  entry: { main: options.entry, probe: resolve('src/probe.ts') },
  output: { ...options.output, filename: '[name].js', chunkFilename: '[name].js' },
  externals: [],
  externalsPresets: { node: true },
  resolve: {
    ...options.resolve,
    // RxJS gives Node its CommonJS build, of which all would be loaded.
    alias: {
      rxjs$: resolve('node_modules/rxjs/dist/esm/index.js'),
      'rxjs/operators$': resolve('node_modules/rxjs/dist/esm/operators/index.js'),
    },
  },
  module: {
    ...options.module,
    // As it is when the program runs: by default the bundle would hold the paths of the machine that built it.
    parser: { javascript: { importMeta: false } },
    rules: [
      ...options.module.rules,
      // Nest's packages do not say so, but what is not imported of them need not be loaded: the REPL, file uploads.
      { test: /node_modules[\\/]@nestjs[\\/](common|config|core|platform-express|terminus)[\\/]/, sideEffects: false },
      { test: /[\\/]services[\\/](console-)?logger\.service\.js$/, loader: resolve('defer-date-format.js') },
    ],
  },
  plugins: [
    // What Nest loads when it is not handed an adapter, as main.ts does.
    new IgnorePlugin({ resourceRegExp: /^@nestjs\/platform-express$/, contextRegExp: /@nestjs[\\/]core/ }),
    new IgnorePlugin({ checkResource: (request) => optionalPeers.test(request) && !isInstalled(request) }),
    // Stack traces point at this project's TypeScript; a map of the dependencies would be larger than they are.
    new SourceMapDevToolPlugin({ filename: '[file].map', exclude: 'vendor.js' }),
  ],
  optimization: {
    nodeEnv: false,
    splitChunks: {
      cacheGroups: { vendor: { test: /node_modules/, name: 'vendor', chunks: 'initial', enforce: true } },
    },
    minimizer: [
      new SwcJsMinimizerRspackPlugin({
        minimizerOptions: {
          module: true,
          // Nest's messages name classes and functions.
          compress: { keep_classnames: true, keep_fnames: true },
          mangle: { keep_classnames: true, keep_fnames: true },
          format: { comments: false },
        },
      }),
    ],
  },
});
