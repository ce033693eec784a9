import { readdirSync } from 'node:fs';
import { transformFileSync } from '@swc/core';
import { type KubernetesObject, render } from '../support/kustomize.js';

const FOLDER = 'deploy/kubernetes';

export const SERVICE = 'port-binding-service';

/** The Service by which a Pod reaches only the Pods on its own node. */
export const LOCAL_SERVICE = 'local';

/** The part of the package that the load needs, as if it were installed. It imports nothing that Node.js does not have. */
const PACKAGE = 'node_modules/port-binding';
const EXPORTS = JSON.stringify({ type: 'module', exports: { './check/load': './load.js' } });

/** The scripts that put load on it. */
const SCRIPTS = {
  [`${PACKAGE}/load.js`]: `${PACKAGE}/dist/esm/check/load.js`,
  'rolling/load.js': 'test/rolling/load.ts',
  'kubernetes/load-pod.js': 'test/kubernetes/load-pod.ts',
  'saturation/crowd.js': 'test/saturation/crowd.ts',
};

/** The base as it is, but in a namespace of its own and with the image to test; and what the suite needs beside it. */
export function manifests(namespace: string, image?: string): KubernetesObject[] {
  const objects = [...render(`${FOLDER}/base`), localService(), scripts()];
  moveTo(namespace, objects);
  for (const { spec } of objects) {
    // No other Pod of the cluster has it: a node can be drained of the suite's alone.
    if (spec?.template) spec.template.metadata.labels.suite = namespace;
    for (const container of spec?.template?.spec?.containers ?? []) {
      container.image = image ?? container.image;
      // An image that was handed to the cluster is in no registry.
      container.imagePullPolicy = 'IfNotPresent';
      // A second more than on an idle node that has the image already: no successor is ready before the third.
      container.startupProbe.initialDelaySeconds = 1;
    }
  }
  return objects;
}

/** As kubectl takes many of them at once. */
export const list = (items: KubernetesObject[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

/** All that a user could apply, as if it were meant for this namespace: to be looked at by the cluster, and not kept. */
export function overlays(namespace: string): Record<string, KubernetesObject[]> {
  const folders = ['base', ...readdirSync(`${FOLDER}/overlays`).map((name) => `overlays/${name}`)];
  return Object.fromEntries(
    folders.map((folder) => {
      const objects = render(`${FOLDER}/${folder}`);
      moveTo(namespace, objects);
      return [folder, objects];
    }),
  );
}

function moveTo(namespace: string, objects: KubernetesObject[]): void {
  for (const { kind, metadata } of objects) {
    if (kind === 'Namespace') metadata.name = namespace;
    else metadata.namespace = namespace;
  }
}

export interface Loader {
  script: `${'kubernetes' | 'saturation'}/${string}.js`;
  args: readonly string[];
  /** Where to run; if undefined, anywhere. */
  nodeName?: string;
}

/** A Pod that puts load on the service. It runs in the service's own image, the one that the cluster surely has. */
export function loader(namespace: string, image: string, { script, args, nodeName }: Loader): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'load', namespace },
    spec: {
      ...(nodeName !== undefined && { nodeName }),
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'load',
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['/nodejs/bin/node', `/load/${script}`, ...args],
          // Without a share of the CPU it would be the load that is saturated.
          resources: { requests: { cpu: '500m' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [{ name: 'load', mountPath: '/load' }],
        },
      ],
      volumes: [
        {
          name: 'load',
          configMap: {
            name: 'load',
            items: ['package.json', `${PACKAGE}/package.json`, ...Object.keys(SCRIPTS)].map((path) => ({
              key: key(path),
              path,
            })),
          },
        },
      ],
    },
  };
}

/**
 * In place of `externalTrafficPolicy: Local`, for which kube-proxy takes its endpoints by the same rule, but which it does
 * not apply to what comes from the cluster's own Pods.
 */
function localService(): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: LOCAL_SERVICE },
    spec: {
      selector: { 'app.kubernetes.io/name': SERVICE },
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
      internalTrafficPolicy: 'Local',
    },
  };
}

function scripts(): KubernetesObject {
  const data = Object.entries(SCRIPTS).map(([path, source]) => [key(path), compiled(source)]);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'load' },
    data: {
      'package.json': '{ "type": "module" }',
      [key(`${PACKAGE}/package.json`)]: EXPORTS,
      ...Object.fromEntries(data),
    },
  };
}

/** A key of a ConfigMap has no slash. */
const key = (path: string) => path.replaceAll('/', '.');

function compiled(file: string): string {
  return transformFileSync(file, { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }).code;
}
