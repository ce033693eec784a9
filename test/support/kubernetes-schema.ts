import { validate as Deployment } from 'kubernetes-models/_schemas/IoK8sApiAppsV1Deployment';
import { validate as HorizontalPodAutoscaler } from 'kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler';
import { validate as ConfigMap } from 'kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap';
import { validate as Namespace } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Namespace';
import { validate as Pod } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Pod';
import { validate as Service } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Service';
import { validate as NetworkPolicy } from 'kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy';
import { validate as PodDisruptionBudget } from 'kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget';
import type { KubernetesObject } from './kustomize.js';

type Validate = {
  (value: unknown): boolean;
  errors?: { instancePath: string; keyword: string; params: unknown }[] | null;
};

const SCHEMAS: Record<string, Validate | undefined> = {
  'apps/v1 Deployment': Deployment,
  'autoscaling/v2 HorizontalPodAutoscaler': HorizontalPodAutoscaler,
  'networking.k8s.io/v1 NetworkPolicy': NetworkPolicy,
  'policy/v1 PodDisruptionBudget': PodDisruptionBudget,
  'v1 ConfigMap': ConfigMap,
  'v1 Namespace': Namespace,
  'v1 Pod': Pod,
  'v1 Service': Service,
};

/**
 * What is wrong with an object by Kubernetes' own schemas, unknown fields included: what the API server's strict
 * validation would say.
 */
export function problems(object: KubernetesObject): string[] {
  const kind = `${object.apiVersion} ${object.kind}`;
  const validate = SCHEMAS[kind];
  if (!validate) return [`${kind} is no kind that is known here`];

  const unread = new Set<string>();
  const valid = validate(watched(object, kind, unread));
  if (valid) return [...unread].map((path) => `${path} is unknown`);
  return validate.errors!.map(
    ({ instancePath, keyword, params }) => `${kind}${instancePath} ${keyword} ${JSON.stringify(params)}`,
  );
}

/** These schemas let pass a field that they do not name; but they also never look at it, and that shows. */
function watched<T>(value: T, path: string, unread: Set<string>): T {
  if (typeof value !== 'object' || value === null) return value;
  const copy = (Array.isArray(value) ? [] : {}) as T & object;
  for (const [key, child] of Object.entries(value)) {
    Object.assign(copy, { [key]: watched(child, `${path}/${key}`, unread) });
    if (!Array.isArray(value)) unread.add(`${path}/${key}`);
  }
  return new Proxy(copy, {
    get(target, key, receiver) {
      unread.delete(`${path}/${String(key)}`);
      return Reflect.get(target, key, receiver) as unknown;
    },
  });
}
