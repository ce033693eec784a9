import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { environmentSchema, validate } from '../src/environment.js';
import { problems } from './support/kubernetes-schema.js';
import { KUSTOMIZE, type KubernetesObject, render } from './support/kustomize.js';
import { RESTRICTED, violations } from './support/pod-security.js';
import { describeWith } from './support/requirement.js';
import { emptyFolder } from './support/service.js';

const BASE = 'deploy/kubernetes/base';
const ISTIO = 'deploy/kubernetes/overlays/istio';
const LINKERD = 'deploy/kubernetes/overlays/linkerd';
const LOCAL = 'deploy/kubernetes/overlays/local';
const FOLDERS = [BASE, ISTIO, LINKERD, LOCAL];

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const IMAGE = `ghcr.io/example/port-binding-service:${version}`;

const rendered = new Map<string, KubernetesObject[]>();

function objects(folder: string): KubernetesObject[] {
  if (!rendered.has(folder)) rendered.set(folder, render(folder));
  return structuredClone(rendered.get(folder)!);
}

function the(kind: string, folder: string): KubernetesObject {
  return objects(folder).find((object) => object.kind === kind)!;
}

const podTemplate = (folder: string) => the('Deployment', folder).spec.template;
const container = (folder: string) => podTemplate(folder).spec.containers[0];

/** The container's probe, with what Kubernetes takes for the fields that it leaves out. */
const probe = (folder: string, name: string) => ({
  periodSeconds: 10,
  timeoutSeconds: 1,
  failureThreshold: 3,
  ...container(folder)[name],
});

/** For how many seconds a program may not answer before the probe has failed. */
function silence(folder: string, name: string): number {
  const { periodSeconds, timeoutSeconds, failureThreshold } = probe(folder, name);
  return Math.max(periodSeconds, timeoutSeconds) * failureThreshold;
}

/** The environment as the service itself reads it, in seconds. */
function times({ env }: { env: { name: string; value: string }[] }) {
  const read = validate(Object.fromEntries(env.map(({ name, value }) => [name, value])));
  const [drainDelay, shutdownTimeout] = [read.DRAIN_DELAY_MS / 1000, read.SHUTDOWN_TIMEOUT_MS / 1000];
  return { drainDelay, shutdownTimeout, longestRequest: shutdownTimeout - drainDelay };
}

/** The paths of the values in which the number occurs. */
function places(number: number, value: unknown, path = ''): string[] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, child]) => places(number, child, `${path}/${key}`));
  }
  return new RegExp(`\\b${number}\\b`).test(String(value)) ? [path] : [];
}

/** A copy of the base in which one file has been rewritten. */
function baseWith(file: string, rewrite: (text: string) => string): string {
  const folder = emptyFolder();
  cpSync(BASE, folder, { recursive: true });
  writeFileSync(join(folder, file), rewrite(readFileSync(join(folder, file), 'utf8')));
  return folder;
}

/** A proxy that stays so many seconds after SIGTERM is there to the end of a shutdown, and not killed itself. */
function expectToOutlive(folder: string, proxySeconds: number): void {
  expect(proxySeconds).toBeGreaterThan(times(container(folder)).shutdownTimeout);
  expect(proxySeconds).toBeLessThan(podTemplate(folder).spec.terminationGracePeriodSeconds);
}

describeWith(
  KUSTOMIZE !== undefined,
  'kustomize',
  'Install it, or kubectl 1.24 or later: https://kubectl.docs.kubernetes.io/installation/kustomize/',
)('the Kubernetes manifests', () => {
  describe.each(FOLDERS)('%s', (folder) => {
    it('has only objects that Kubernetes takes, with no field that it does not know', () => {
      expect(objects(folder).length).toBeGreaterThan(4);
      expect(objects(folder).flatMap(problems)).toEqual([]);
    });

    it.each(RESTRICTED)('keeps the restricted profile: $control', (control) => {
      expect(violations(control, podTemplate(folder).spec)).toHaveLength(0);
    });

    it('has that profile enforced, warned of and audited by its namespace', () => {
      expect(the('Namespace', folder).metadata.labels).toMatchObject({
        'pod-security.kubernetes.io/enforce': 'restricted',
        'pod-security.kubernetes.io/warn': 'restricted',
        'pod-security.kubernetes.io/audit': 'restricted',
      });
    });

    it('has no empty list, which a cluster does not keep and `kubectl diff` would show for ever', () => {
      expect(objects(folder).filter((object) => JSON.stringify(object).includes('[]'))).toEqual([]);
    });

    it('puts every object into its namespace', () => {
      const { name } = the('Namespace', folder).metadata;
      const namespaced = objects(folder).filter(({ kind }) => kind !== 'Namespace');
      expect(namespaced.filter(({ metadata }) => metadata.namespace !== name)).toEqual([]);
    });

    it('writes nothing to the container and takes nothing that the service does not ask for', () => {
      expect(podTemplate(folder).spec).toMatchObject({
        enableServiceLinks: false,
        automountServiceAccountToken: false,
      });
      expect(container(folder).securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    });

    it('sets only variables that the service reads, to values that it accepts', () => {
      const { env } = container(folder);
      expect(Object.keys(environmentSchema.entries)).toEqual(expect.arrayContaining(env.map(({ name }: any) => name)));
      expect(() => times(container(folder))).not.toThrow();
    });

    it.each([
      ['PORT', 'http', 8080, 0],
      ['METRICS_PORT', 'metrics', 9464, 1],
    ])('has the number of %s there and in the port named %s, and nowhere else', (variable, name, port, index) => {
      expect(objects(folder).flatMap((object) => places(port, object, object.kind))).toEqual([
        `Deployment/spec/template/spec/containers/0/env/${index}/value`,
        `Deployment/spec/template/spec/containers/0/ports/${index}/containerPort`,
      ]);
      expect(container(folder).env[index]).toEqual({ name: variable, value: String(port) });
      expect(container(folder).ports[index]).toEqual({ name, containerPort: port });
      expect(container(folder).ports).toHaveLength(2);
    });

    it('lets the namespace `monitoring` have the metrics, and does not publish them', () => {
      expect(the('Service', folder).spec.ports).toHaveLength(1);
      expect(the('NetworkPolicy', folder).spec.ingress[1]).toEqual({
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        ports: [{ protocol: 'TCP', port: 'metrics' }],
      });
    });

    it('refers to PORT by its name', () => {
      expect(the('Service', folder).spec.ports).toMatchObject([{ targetPort: 'http', appProtocol: 'http' }]);
      expect(the('NetworkPolicy', folder).spec.ingress[0].ports).toContainEqual({ protocol: 'TCP', port: 'http' });
      const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'];
      expect(probes.map((name) => probe(folder, name).httpGet.port)).toEqual(['http', 'http', 'http']);
    });

    it('kills a Pod only after the drain delay, the longest request and the shutdown timeout', () => {
      const { drainDelay, longestRequest, shutdownTimeout } = times(container(folder));
      const { terminationGracePeriodSeconds } = podTemplate(folder).spec;
      expect(terminationGracePeriodSeconds).toBeGreaterThan(drainDelay + longestRequest);
      expect(terminationGracePeriodSeconds).toBeGreaterThan(shutdownTimeout);
      // Nothing else takes from the grace period.
      expect(container(folder).lifecycle).toBeUndefined();
    });

    it('notices a drain within its delay, with twice the time to spare that kube-proxy takes to hear of it', () => {
      const { httpGet, periodSeconds, failureThreshold } = probe(folder, 'readinessProbe');
      expect(httpGet.path).toBe('/health/ready');
      expect(times(container(folder)).drainDelay - periodSeconds * failureThreshold).toBeGreaterThanOrEqual(2 * 1);
    });

    it('lets a Pod that was deleted serve on until its successor is ready, even when that takes 5 s', () => {
      const { periodSeconds, failureThreshold } = probe(folder, 'readinessProbe');
      expect(periodSeconds * (failureThreshold - 1)).toBeGreaterThanOrEqual(5);
    });

    it('has a probe of a busy Pod wait until its connection has been tried three times', () => {
      // The kernel sends a SYN again after 1 s and after 2 s more.
      expect(probe(folder, 'readinessProbe').timeoutSeconds).toBeGreaterThan(1 + 2);
      expect(probe(folder, 'livenessProbe').timeoutSeconds).toBeGreaterThan(1 + 2);
    });

    it('restarts a Pod that does not answer only when it has been out of service for as long as that took', () => {
      expect(silence(folder, 'livenessProbe')).toBeGreaterThanOrEqual(2 * silence(folder, 'readinessProbe'));
    });

    it('restarts no container that is shutting down', () => {
      const { httpGet, periodSeconds, failureThreshold } = probe(folder, 'livenessProbe');
      expect(httpGet.path).toBe('/health/live');
      expect(periodSeconds * (failureThreshold - 1)).toBeGreaterThan(times(container(folder)).shutdownTimeout);
    });

    it('gives a Pod longer to start than those that it replaces have to end', () => {
      const { httpGet, periodSeconds, failureThreshold } = probe(folder, 'startupProbe');
      expect(httpGet.path).toBe('/health/live');
      expect(periodSeconds * failureThreshold).toBeGreaterThan(podTemplate(folder).spec.terminationGracePeriodSeconds);
      expect(periodSeconds).toBe(1); // the least there is: every successor waits for it
    });

    it('tells within two minutes that a rollout has failed, and not before a Pod has had its time to start', () => {
      const { progressDeadlineSeconds } = the('Deployment', folder).spec;
      expect(progressDeadlineSeconds).toBeGreaterThanOrEqual(2 * silence(folder, 'startupProbe'));
      expect(progressDeadlineSeconds).toBeLessThanOrEqual(120);
    });

    it('replaces no Pod before its successor is ready', () => {
      const { type, rollingUpdate } = the('Deployment', folder).spec.strategy;
      expect({ type, ...rollingUpdate }).toEqual({ type: 'RollingUpdate', maxUnavailable: 0, maxSurge: 1 });
    });

    it('requests CPU and memory, and limits the memory', () => {
      const { requests, limits } = container(folder).resources;
      expect(requests).toEqual({ cpu: expect.any(String), memory: limits.memory });
      expect(limits).not.toHaveProperty('cpu');
    });

    it('selects, budgets, spreads and shields the Pods of the Deployment and no others', () => {
      const { labels } = podTemplate(folder).metadata;
      const selectors = [
        the('Deployment', folder).spec.selector,
        { matchLabels: the('Service', folder).spec.selector },
        the('PodDisruptionBudget', folder).spec.selector,
        the('NetworkPolicy', folder).spec.podSelector,
        ...podTemplate(folder).spec.topologySpreadConstraints.map(({ labelSelector }: any) => labelSelector),
      ];
      expect(labels).toEqual({ 'app.kubernetes.io/name': 'port-binding-service' });
      expect(selectors).toEqual(selectors.map(() => ({ matchLabels: labels })));
      expect(selectors).toHaveLength(6);
    });

    it('lets nodes be emptied, one Pod at a time', () => {
      const { selector: _, ...budget } = the('PodDisruptionBudget', folder).spec;
      expect(budget).toEqual({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    });
  });

  it.each([BASE, ISTIO, LINKERD])('%s runs three replicas, and does not reset them when applied', (folder) => {
    const deployment = the('Deployment', folder);
    const { minReplicas, maxReplicas, scaleTargetRef } = the('HorizontalPodAutoscaler', folder).spec;
    expect(scaleTargetRef).toEqual({
      apiVersion: deployment.apiVersion,
      kind: deployment.kind,
      name: deployment.metadata.name,
    });
    expect(minReplicas).toBe(3);
    expect(maxReplicas).toBeGreaterThan(minReplicas);
    expect(deployment.spec).not.toHaveProperty('replicas');
  });

  it.each([BASE, ISTIO, LINKERD])('%s runs the image of this version', (folder) => {
    expect(container(folder).image).toBe(IMAGE);
  });

  it('takes a digest in place of the tag', () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const folder = baseWith('kustomization.yaml', (text) => text.replace(/newTag: .*/, `digest: ${digest}`));
    expect(container(folder).image).toBe(`ghcr.io/example/port-binding-service@${digest}`);
  });

  it.each([
    ['PORT', 'http', 8080, 0],
    ['METRICS_PORT', 'metrics', 9464, 1],
  ])('has %s in one place of the source, and one change there moves everything', (_, name, port, index) => {
    const files = readdirSync('deploy/kubernetes', { recursive: true, encoding: 'utf8' });
    const sources = files.filter((file) => file.endsWith('.yaml')).map((file) => join('deploy/kubernetes', file));
    expect(sources.flatMap((file) => places(port, parse(readFileSync(file, 'utf8')), file))).toEqual([
      `deploy/kubernetes/base/deployment.yaml/spec/template/spec/containers/0/env/${index}/value`,
    ]);

    const folder = baseWith('deployment.yaml', (text) => text.replace(`'${port}'`, "'9090'"));
    expect(container(folder).ports[index]).toEqual({ name, containerPort: 9090 });
  });

  it.each([BASE, LOCAL])('%s lets the service open no connection', (folder) => {
    const { policyTypes, ...spec } = the('NetworkPolicy', folder).spec;
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec).not.toHaveProperty('egress');
  });

  it('runs one replica locally, of an image that is not pulled', () => {
    expect(the('Deployment', LOCAL).spec.replicas).toBe(1);
    expect(the('HorizontalPodAutoscaler', LOCAL)).toBeUndefined();
    expect(container(LOCAL)).toMatchObject({ image: 'port-binding-service:local', imagePullPolicy: 'Never' });
  });

  it('has Istio inject a proxy that starts before the program and outlives it', () => {
    const { 'proxy.istio.io/config': config, ...annotations } = podTemplate(ISTIO).metadata.annotations;
    expect(the('Namespace', ISTIO).metadata.labels).toMatchObject({ 'istio-injection': 'enabled' });
    expect(annotations).toEqual({
      'sidecar.istio.io/nativeSidecar': 'true',
      'sidecar.istio.io/rewriteAppHTTPProbers': 'true',
    });
    expect(parse(config)).toEqual({
      holdApplicationUntilProxyStarts: true,
      terminationDrainDuration: expect.stringMatching(/^\d+s$/),
    });
    expectToOutlive(ISTIO, Number.parseInt(parse(config).terminationDrainDuration, 10));
  });

  it('has Linkerd inject a proxy that starts before the program and outlives it', () => {
    const { annotations } = podTemplate(LINKERD).metadata;
    expect(the('Namespace', LINKERD).metadata.annotations).toEqual({ 'linkerd.io/inject': 'enabled' });
    expect(annotations).toEqual({
      'config.linkerd.io/proxy-enable-native-sidecar': 'true',
      'config.linkerd.io/proxy-await': 'enabled',
      'config.alpha.linkerd.io/proxy-wait-before-exit-seconds': expect.stringMatching(/^\d+$/),
    });
    expectToOutlive(LINKERD, Number(annotations['config.alpha.linkerd.io/proxy-wait-before-exit-seconds']));
  });

  it.each([
    [ISTIO, 'istio-system'],
    [LINKERD, 'linkerd'],
  ])("%s lets the proxy reach DNS and the mesh's control plane, and nothing else", (folder, namespace) => {
    const dns = [
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ];
    const matchLabels = { 'kubernetes.io/metadata.name': namespace };
    expect(the('NetworkPolicy', folder).spec.egress).toEqual([
      { ports: dns },
      { to: [{ namespaceSelector: { matchLabels } }] },
    ]);
  });

  it("lets in Linkerd's proxies at the port of the Pod's own", () => {
    expect(the('NetworkPolicy', LINKERD).spec.ingress[0].ports).toContainEqual({ protocol: 'TCP', port: 4143 });
  });

  it.each([
    ['a misspelt field', (pod: any) => (pod.containers[0].readinessProbe.periodSecond = 1), 'periodSecond is unknown'],
    ['a field in the wrong place', (pod: any) => (pod.readOnlyRootFilesystem = true), 'Filesystem is unknown'],
    ['a number in quotes', (pod: any) => (pod.terminationGracePeriodSeconds = '15'), 'type {"type":"integer"}'],
    ['an impossible quantity', (pod: any) => (pod.containers[0].resources.limits.memory = '128 MB'), '"quantity"'],
    ['a missing field', (pod: any) => delete pod.containers[0].name, 'required {"missingProperty":"name"}'],
  ])('would not pass with %s', (_, spoil, complaint) => {
    const deployment = the('Deployment', BASE);
    spoil(deployment.spec.template.spec);
    expect(problems(deployment).join('\n')).toContain(complaint);
  });
});

const knativePod = () => render('deploy/knative')[0]!.spec.template.spec;

describeWith(
  KUSTOMIZE !== undefined,
  'kustomize',
  'Install it, or kubectl 1.24 or later: https://kubectl.docs.kubernetes.io/installation/kustomize/',
)('the Knative service, as kustomize renders it', () => {
  it.each(RESTRICTED)('keeps the restricted profile: $control', (control) => {
    expect(violations(control, knativePod())).toHaveLength(0);
  });

  it("is, but for its security context, Cloud Run's", () => {
    const { securityContext, ...unsecured } = knativePod().containers[0];
    expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    const { spec } = parse(readFileSync('deploy/knative/service.yaml', 'utf8'));
    expect(unsecured).toEqual(spec.template.spec.containers[0]);
  });
});

describe('the check of the restricted profile', () => {
  const pod = {
    hostNetwork: true,
    volumes: [{ name: 'node', hostPath: { path: '/' } }],
    securityContext: {
      runAsUser: 0,
      sysctls: [{ name: 'kernel.msgmax', value: '1' }],
      seLinuxOptions: { user: 'root' },
      appArmorProfile: { type: 'Unconfined' },
      windowsOptions: { hostProcess: true },
    },
    containers: [
      {
        ports: [{ containerPort: 80, hostPort: 80 }],
        livenessProbe: { httpGet: { port: 80, host: '10.0.0.1' } },
        securityContext: { privileged: true, procMount: 'Unmasked', capabilities: { add: ['NET_ADMIN'] } },
      },
    ],
  };

  it.each(RESTRICTED)('can fail: $control', (control) => {
    expect(violations(control, pod)).not.toHaveLength(0);
  });
});

describe('the Knative service', () => {
  const service = parse(readFileSync('deploy/knative/service.yaml', 'utf8'));
  const { containers, ...revision } = service.spec.template.spec;
  const [program] = containers;

  it('has only fields that Cloud Run takes', () => {
    // https://cloud.google.com/run/docs/reference/yaml/v1
    expect(service).toEqual({
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name: 'port-binding-service' },
      spec: { template: { spec: { timeoutSeconds: expect.any(Number), containers: [expect.anything()] } } },
    });
    expect(Object.keys(program)).toEqual(['image', 'ports', 'env', 'resources', 'startupProbe', 'livenessProbe']);
    expect(program.resources).toEqual({ limits: { cpu: expect.any(String), memory: expect.any(String) } });
  });

  it("is a container by Kubernetes' own schema", () => {
    // Both platforms put in the container's name, and the port of a probe that has none.
    const { startupProbe, livenessProbe, ...rest } = structuredClone(program);
    for (const { httpGet } of [startupProbe, livenessProbe]) httpGet.port = 'http1';
    const spec = { containers: [{ ...rest, name: 'program', startupProbe, livenessProbe }] };
    expect(problems({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec })).toEqual([]);
  });

  it('runs the image of this version', () => {
    expect(program.image).toBe(IMAGE);
  });

  it('leaves PORT to the platform, which sets it from the one port, spoken to by HTTP/1', () => {
    expect(program.ports).toEqual([{ name: 'http1', containerPort: 8080 }]);
    expect(program.env.map(({ name }: any) => name)).toEqual(['DRAIN_DELAY_MS', 'SHUTDOWN_TIMEOUT_MS']);
  });

  it('has ended before Cloud Run kills it, and in time for every request that is let run', () => {
    const { shutdownTimeout, longestRequest } = times(program);
    expect(shutdownTimeout).toBeLessThan(10);
    expect(revision.timeoutSeconds).toBeLessThanOrEqual(longestRequest);
  });

  it('keeps to the limits of a probe on Cloud Run', () => {
    // https://cloud.google.com/run/docs/configuring/healthchecks
    const { startupProbe, livenessProbe } = program;
    expect(startupProbe.periodSeconds * startupProbe.failureThreshold).toBeLessThanOrEqual(240);
    expect(startupProbe.timeoutSeconds).toBeLessThanOrEqual(startupProbe.periodSeconds);
    expect(livenessProbe.timeoutSeconds).toBeLessThanOrEqual(livenessProbe.periodSeconds);
  });

  it('is not restarted while it is shutting down', () => {
    const { periodSeconds, failureThreshold } = program.livenessProbe;
    expect(periodSeconds * (failureThreshold - 1)).toBeGreaterThan(times(program).shutdownTimeout);
  });
});
