import { decode, encode } from '@jridgewell/sourcemap-codec';

/** Leaves this project's TypeScript in the bundle's source map: with the dependencies it would be larger than they are. */
export class DropVendorMap {
  apply(compiler) {
    const { Compilation, sources } = compiler.webpack;
    compiler.hooks.thisCompilation.tap(DropVendorMap.name, (compilation) =>
      compilation.hooks.processAssets.tap(
        { name: DropVendorMap.name, stage: Compilation.PROCESS_ASSETS_STAGE_DEV_TOOLING + 1 },
        () =>
          compilation.updateAsset('bundle.js.map', (asset) => {
            const map = JSON.parse(asset.source().toString());
            return new sources.RawSource(JSON.stringify(withoutVendor(map)));
          }),
      ),
    );
  }
}

export function withoutVendor(map) {
  const kept = map.sources.map((source) => /^\.\.\/(\.\/)?src\//.test(source));
  // A position without a source ends the one before it.
  const segments = decode(map.mappings).map((line) =>
    line.map((segment) => (kept[segment[1]] ? segment : [segment[0]])).filter(differsFromLast),
  );
  return {
    ...map,
    sources: map.sources.map((source, i) => (kept[i] ? source : '')),
    sourcesContent: map.sourcesContent?.map((content, i) => (kept[i] ? content : null)),
    mappings: encode(segments),
  };
}

const differsFromLast = (segment, i, line) => segment.length > 1 || line[i - 1]?.length !== 1;
