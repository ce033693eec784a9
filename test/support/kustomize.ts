import { execFileSync } from 'node:child_process';
import { parseAllDocuments } from 'yaml';

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: any;
  data?: Record<string, string>;
}

/** How kustomize is run here: by itself, or as part of a kubectl that can do what the manifests need (1.24 and later). */
export const KUSTOMIZE = find();

function find(): [command: string, verb: string] | undefined {
  try {
    execFileSync('kustomize', ['version'], { stdio: 'ignore' });
    return ['kustomize', 'build'];
  } catch {
    try {
      const version = execFileSync('kubectl', ['version', '--client', '--output=json'], { stdio: 'pipe' });
      return String(version).includes('kustomizeVersion') ? ['kubectl', 'kustomize'] : undefined;
    } catch {
      return undefined;
    }
  }
}

/** What `kubectl apply -k` would send. */
export function render(folder: string): KubernetesObject[] {
  const [command, verb] = KUSTOMIZE!;
  const rendered = execFileSync(command, [verb, folder], { encoding: 'utf8', stdio: 'pipe' });
  return parseAllDocuments(rendered).map((document) => document.toJS() as KubernetesObject);
}
