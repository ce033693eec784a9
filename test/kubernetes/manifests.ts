import { transformFileSync } from '@swc/core';
import { type KubernetesObject, render } from '../support/kustomize.js';

const SERVICE = 'port-binding-service';

/** The base as it is, but in a namespace of its own, with the image to test, and with a Pod that puts load on it. */
export function manifests(namespace: string, image?: string): KubernetesObject[] {
  const objects = [...render('deploy/kubernetes/base'), loadScript(), loadPod()];
  for (const { kind, metadata, spec } of objects) {
    if (kind === 'Namespace') metadata.name = namespace;
    else metadata.namespace = namespace;
    for (const container of (kind === 'Pod' ? spec : spec?.template?.spec)?.containers ?? []) {
      container.image = image ?? container.image;
      // An image that was handed to the cluster is in no registry.
      container.imagePullPolicy = 'IfNotPresent';
    }
  }
  return objects;
}

/** The rolling deploy's own load. It imports nothing that Node.js does not have. */
function loadScript(): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'load' },
    data: {
      'package.json': '{ "type": "module" }',
      'load.js': compiled('test/rolling/load.ts'),
      'load-pod.js': compiled('test/kubernetes/load-pod.ts'),
    },
  };
}

/** Runs in the service's own image, the one that the cluster surely has. */
function loadPod(): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'load' },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'load',
          image: SERVICE,
          command: ['/nodejs/bin/node', '/load/kubernetes/load-pod.js', SERVICE, '80'],
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
            items: [
              { key: 'package.json', path: 'package.json' },
              { key: 'load.js', path: 'rolling/load.js' },
              { key: 'load-pod.js', path: 'kubernetes/load-pod.js' },
            ],
          },
        },
      ],
    },
  };
}

function compiled(file: string): string {
  return transformFileSync(file, { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }).code;
}
