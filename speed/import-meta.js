/** A loader for what only an ES module has: the bundle is a script, whose wrapper says what `import_meta` is. */
export default function importMeta(source, map) {
  // oxlint-disable-next-line no-this-in-exported-function -- The bundler's way to take a source map along.
  this.callback(null, source.replace(/\bimport\.meta\b/g, 'import_meta'), map); // as long, so that positions hold
}

/** Of the program as it runs: the bundler would take the paths of the machine that it runs on. */
export const definition = `
  const urlOf = (path) => process.getBuiltinModule('url').pathToFileURL(path).href;
  const import_meta = {
    filename: __filename,
    dirname: __dirname,
    get url() { return urlOf(__filename); },
    resolve(specifier) { return urlOf(require.resolve(specifier)); },
  };`.replace(/\n */g, ' ');
