interface Control {
  control: string;
  /** What the Pod has where the control looks. */
  found: (pod: any, containers: any[]) => unknown[];
  allowed: unknown[];
}

/** The "restricted" profile: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
export const RESTRICTED: Control[] = [
  {
    control: 'HostProcess',
    found: (pod, containers) =>
      [pod, ...containers].map(({ securityContext }) => securityContext?.windowsOptions?.hostProcess),
    allowed: [undefined, false],
  },
  {
    control: 'Host Namespaces',
    found: ({ hostNetwork, hostPID, hostIPC }) => [hostNetwork, hostPID, hostIPC],
    allowed: [undefined, false],
  },
  {
    control: 'Privileged Containers',
    found: (_, containers) => containers.map(({ securityContext }) => securityContext?.privileged),
    allowed: [undefined, false],
  },
  {
    control: 'Host Ports',
    found: (_, containers) => containers.flatMap(({ ports = [] }) => ports.map(({ hostPort }: any) => hostPort)),
    allowed: [undefined, 0],
  },
  {
    control: 'Host Probes / Lifecycle Hooks',
    found: (_, containers) =>
      containers
        .flatMap((container) => [
          container.startupProbe,
          container.readinessProbe,
          container.livenessProbe,
          container.lifecycle?.postStart,
          container.lifecycle?.preStop,
        ])
        .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host]),
    allowed: [undefined, ''],
  },
  {
    control: 'AppArmor',
    found: (pod, containers) =>
      [pod, ...containers].map(({ securityContext }) => securityContext?.appArmorProfile?.type),
    allowed: [undefined, 'RuntimeDefault', 'Localhost'],
  },
  {
    control: 'SELinux',
    found: (pod, containers) =>
      [pod, ...containers].flatMap(({ securityContext }) => Object.keys(securityContext?.seLinuxOptions ?? {})),
    allowed: ['level'],
  },
  {
    control: '/proc Mount Type',
    found: (_, containers) => containers.map(({ securityContext }) => securityContext?.procMount),
    allowed: [undefined, 'Default'],
  },
  {
    control: 'Sysctls',
    found: ({ securityContext }) => securityContext?.sysctls ?? [],
    allowed: [],
  },
  {
    control: 'Volume Types',
    found: ({ volumes = [] }) => volumes.flatMap((volume: any) => Object.keys(volume).filter((key) => key !== 'name')),
    allowed: [
      'configMap',
      'csi',
      'downwardAPI',
      'emptyDir',
      'ephemeral',
      'persistentVolumeClaim',
      'projected',
      'secret',
    ],
  },
  {
    control: 'Privilege Escalation',
    found: (_, containers) => containers.map(({ securityContext }) => securityContext?.allowPrivilegeEscalation),
    allowed: [false],
  },
  {
    control: 'Running as Non-root',
    found: (pod, containers) =>
      containers.map(({ securityContext }) => securityContext?.runAsNonRoot ?? pod.securityContext?.runAsNonRoot),
    allowed: [true],
  },
  {
    control: 'Running as Non-root user',
    found: (pod, containers) => [pod, ...containers].map(({ securityContext }) => securityContext?.runAsUser === 0),
    allowed: [false],
  },
  {
    control: 'Seccomp',
    found: (pod, containers) =>
      containers.map(
        ({ securityContext }) => (securityContext?.seccompProfile ?? pod.securityContext?.seccompProfile)?.type,
      ),
    allowed: ['RuntimeDefault', 'Localhost'],
  },
  {
    control: 'Capabilities that are dropped',
    found: (_, containers) =>
      containers.map(({ securityContext }) => securityContext?.capabilities?.drop?.includes('ALL')),
    allowed: [true],
  },
  {
    control: 'Capabilities that are added',
    found: (_, containers) => containers.flatMap(({ securityContext }) => securityContext?.capabilities?.add ?? []),
    allowed: ['NET_BIND_SERVICE'],
  },
];

/** What the control finds in the Pod and does not allow. */
export function violations({ found, allowed }: Control, pod: any): unknown[] {
  const containers = [...(pod.initContainers ?? []), ...pod.containers];
  return found(pod, containers).filter((value) => !allowed.includes(value));
}
