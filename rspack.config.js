// Packages that Nest and Terminus load only where they are installed: their imports stay imports.
const optionalPeers = /^(@nestjs\/(microservices|swagger|websockets)|class-transformer|class-validator)(\/|$)/;

/**
 * One file, dependencies and all: an instance starts several times faster than from hundreds of module files.
 * @see README.md#how-fast-it-starts
 */
export default (options, { SwcJsMinimizerRspackPlugin }) => ({
  ...options,
  mode: 'production',
  externals: [({ request }, done) => (optionalPeers.test(request) ? done(null, `import ${request}`) : done())],
  externalsPresets: { node: true },
  optimization: {
    nodeEnv: false,
    minimizer: [
      new SwcJsMinimizerRspackPlugin({
        // Nest's messages name classes and functions.
        minimizerOptions: {
          module: true,
          mangle: { keep_classnames: true, keep_fnames: true },
          format: { comments: false },
        },
      }),
    ],
  },
});
