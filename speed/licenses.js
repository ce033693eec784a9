import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = /^.*[\\/]node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+/;
const NOTICE = /^(licen[cs]e|copying|notice)/i;

/**
 * The notices of the packages in the bundle, which their licences ask for wherever they are handed on, in one file beside
 * it. The plugins that there are for it do not see what the bundler has put into one scope.
 */
export class Licenses {
  apply({ hooks, rspack: { Compilation, sources } }) {
    hooks.thisCompilation.tap(Licenses.name, (compilation) => {
      const folders = new Set();
      compilation.hooks.finishModules.tap(Licenses.name, (modules) => {
        for (const { resource } of modules) {
          const [folder] = FOLDER.exec(resource ?? '') ?? [];
          if (folder !== undefined) folders.add(folder);
        }
      });
      const stage = Compilation.PROCESS_ASSETS_STAGE_ADDITIONAL;
      compilation.hooks.processAssets.tap({ name: Licenses.name, stage }, () => {
        const notices = [...folders]
          .map(noticeOf)
          .toSorted()
          .join(`\n\n${'-'.repeat(80)}\n\n`);
        compilation.emitAsset('licenses.txt', new sources.RawSource(`${notices}\n`));
      });
    });
  }
}

function noticeOf(folder) {
  const {
    name,
    version,
    licenses,
    license = licenses.map(({ type }) => type),
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const texts = readdirSync(folder)
    .filter((file) => NOTICE.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return [`${name} ${version}: ${license}`, ...texts].join('\n\n');
}
