/**
 * All that is here makes the service start faster, and nothing else; src knows nothing of it. It is done without in two
 * steps, see "Without the bundle" in the README.
 *
 * - `rspack.config.js`, `import-meta.js`, `keep-class-names.js`, `drop-vendor-map.js`: the program in one file, as to
 *   find, load and compile some 600 is most of what a Nest service does when it starts;
 * - `no-riddles.js`, `licenses.js`: what is owed for that, to who builds it and to whose packages are in it;
 * - `lazy.js`, `lazy-mime-types.cjs`: what of Node and of the packages a start does not need, loaded when it is first
 *   asked for;
 * - `defer-date-format.js`: the same for the date format of Nest's text logs;
 * - `cheap-check-first.js`: what Nest asks at every answer;
 * - `loader.cjs`, `fill.cjs`: V8's code cache, taken when the program has started and answered.
 */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { TsCheckerRspackPlugin } from 'ts-checker-rspack-plugin';
import { DropVendorMap } from './drop-vendor-map.js';
import { definition } from './import-meta.js';
import { KeepClassNames } from './keep-class-names.js';
import { builtIn } from './lazy.js';
import { Licenses } from './licenses.js';
import { NoRiddles } from './no-riddles.js';

/** Is a package there, for a file in this folder? */
function isInstalled(request, folder) {
  try {
    return Boolean(createRequire(join(folder, 'file.js')).resolve(request));
  } catch ({ code }) {
    return code !== 'MODULE_NOT_FOUND'; // it may be for import() only
  }
}

/** `nest start --watch` is for reading and debugging: its program is not minified. */
const watching = process.argv.some((argument) => argument === '--watch' || argument === '-w');

/**
 * `bundle.js` is the service, a script with the parameters of every CommonJS module, which `main.js` loads. While one
 * watches it is `main.js` itself, as a debugger finds two scripts of one name where that loads one.
 */
const program = watching
  ? { name: 'main', head: definition, tail: '', copied: { 'speed/dist.json': 'package.json' } }
  : {
      name: 'bundle',
      head: `(function (exports, require, module, __filename, __dirname) {${definition}`,
      tail: '})',
      copied: { 'speed/dist.json': 'package.json', 'speed/loader.cjs': 'main.js', 'speed/fill.cjs': 'fill.js' },
    };

/** `probe.js` is a program of its own. */
export default (
  options,
  { BannerPlugin, CopyRspackPlugin, IgnorePlugin, SourceMapDevToolPlugin, SwcJsMinimizerRspackPlugin },
) => {
  // Between the minimizer, which would throw it away, and the source map.
  const add = (banner, footer) =>
    new BannerPlugin({ banner, footer, raw: true, include: `${program.name}.js`, stage: 450 });
  return {
    ...options,
    experiments: {},
    mode: watching ? 'development' : 'production',
    devtool: false,
    entry: { [program.name]: options.entry, probe: resolve('src/probe.ts') },
    // CommonJS, as V8's code cache is for scripts, not for ES modules.
    output: { filename: '[name].js' },
    externals: [builtIn],
    externalsPresets: { node: false },
    resolve: {
      ...options.resolve,
      alias: {
        // RxJS gives Node its CommonJS build, of which all would be loaded.
        rxjs$: resolve('node_modules/rxjs/dist/esm/index.js'),
        'rxjs/operators$': resolve('node_modules/rxjs/dist/esm/operators/index.js'),
        // 160 kB of JSON, for those who send files.
        'mime-types$': resolve('speed/lazy-mime-types.cjs'),
      },
    },
    module: {
      ...options.module,
      // What is imported with `import()` is in the one file too, and runs when it is asked for.
      parser: { javascript: { dynamicImportMode: 'eager', importMeta: false } },
      rules: [
        ...options.module.rules,
        // Nest's packages do not say so, but what is not imported of them need not be loaded: the REPL, file uploads.
        {
          test: /node_modules[\\/]@nestjs[\\/](common|config|core|platform-express|terminus)[\\/]/,
          sideEffects: false,
        },
        { test: /\.[jt]s$/, loader: resolve('speed/import-meta.js'), enforce: 'post' },
        { test: /[\\/]services[\\/](console-)?logger\.service\.js$/, loader: resolve('speed/defer-date-format.js') },
        { test: /[\\/]router-execution-context\.js$/, loader: resolve('speed/cheap-check-first.js') },
      ],
    },
    plugins: [
      // What Nest loads when it is not handed an adapter, as main.ts does.
      new IgnorePlugin({ resourceRegExp: /^@nestjs\/platform-express$/, contextRegExp: /@nestjs[\\/]core/ }),
      // What packages ask for and do without, as npm has not installed it: asked for at run time, it is not there either.
      new IgnorePlugin({
        checkResource: (request, folder) =>
          /^[^./]/.test(request) && /[\\/]node_modules[\\/]/.test(folder) && !isInstalled(request, folder),
      }),
      new NoRiddles(),
      add(program.head, false),
      add(program.tail, true),
      new SourceMapDevToolPlugin({ filename: '[file].map', moduleFilenameTemplate: '../[resource-path]' }),
      !watching && new KeepClassNames(),
      !watching && new DropVendorMap(),
      // An error of the build; while one watches, it is told when it is found, and nobody waits for it.
      new TsCheckerRspackPlugin({ async: watching, typescript: { configFile: 'tsconfig.build.json' } }),
      !watching && new Licenses(),
      new CopyRspackPlugin({
        patterns: Object.entries(program.copied).map(([from, to]) => ({ from, to })),
      }),
    ],
    optimization: {
      nodeEnv: false,
      minimize: !watching,
      minimizer: [
        new SwcJsMinimizerRspackPlugin({
          test: /(bundle|probe)\.js$/,
          minimizerOptions: {
            // Nest's messages name classes and functions.
            compress: { keep_classnames: true, keep_fnames: true },
            mangle: { keep_classnames: true, keep_fnames: true },
            // V8 keeps a text of ASCII in half the memory.
            format: { comments: false, ascii_only: true },
          },
        }),
      ],
    },
  };
};
