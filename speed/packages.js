// Describes the npm packages in a bundle: notices, which their licences ask for, and an SBOM in which scanners find them.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';

const { Builders, Factories } = Contrib.FromNodePackageJson;

/** The package that a file belongs to. A package.json without a name only says how Node reads the files beside it. */
export function packageOf(file) {
  const folder = dirname(file);
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (manifest.name && manifest.version) return { folder, manifest };
  } catch {
    // It is further up.
  }
  return folder === file ? undefined : packageOf(folder);
}

/** The packages that these files belong to, each once, in the order of their folders. */
export function packagesOf(files) {
  const found = new Map(files.map(packageOf).map((each) => [each.folder, each]));
  return [...found.values()].toSorted((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** @returns for each package what it says of its licence, and the files that it has for it */
export function notices(packages) {
  return `${packages.map(notice).join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

function notice({ folder, manifest }) {
  const { name, version, license, licenses } = manifest;
  const names = [license, licenses].flat().map((each) => each?.type ?? each);
  const files = new Contrib.License.Utils.LicenseEvidenceGatherer().getFileAttachments(folder);
  const texts = [...files].map(({ text }) => Buffer.from(text.content, 'base64').toString().trim());
  return [`${name} ${version}: ${names.filter(Boolean).join(', ') || 'no licence stated'}`, ...texts].join('\n\n');
}

/** @returns an SBOM in the format of CycloneDX */
export function sbom(program, packages) {
  const licenses = new Contrib.License.Factories.LicenseFactory((text) => {
    if (!/ (AND|OR|WITH) /.test(text)) throw new Error('no expression');
  });
  const builder = new Builders.ComponentBuilder(new Factories.ExternalReferenceFactory(), licenses);
  const components = packages.map(({ manifest }) => {
    const component = builder.makeComponent(manifest);
    component.purl = `pkg:npm/${manifest.name.replace('@', '%40')}@${encodeURIComponent(manifest.version)}`;
    component.bomRef.value = component.purl;
    return component;
  });
  const bom = new Models.Bom({ components: new Models.ComponentRepository(components) });
  bom.metadata.component = builder.makeComponent(program.manifest, Enums.ComponentType.Application);
  bom.metadata.component.bomRef.value = 'program';
  const normalizers = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return new Serialize.JsonSerializer(normalizers).serialize(bom, { space: 2, sortLists: true });
}
