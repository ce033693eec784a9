import { kubectl, namespace } from './cluster.js';
import { list, loader, manifests, overlays } from './manifests.js';

/** What the cluster itself says of the manifests: cases without a load. */
export const CHECKS: Record<string, () => Promise<string[]>> = {
  'what was applied would change nothing if applied again': async () => {
    const items = manifests(namespace, process.env['IMAGE']).filter(({ kind }) => kind !== 'HorizontalPodAutoscaler');
    return complaint(kubectl(['diff', '--filename=-'], { input: list(items) }));
  },
  'every overlay is valid, by the strict rules of the cluster itself': async () => {
    const complaints = Object.entries(overlays(namespace)).map(async ([name, items]) => {
      const apply = kubectl(['apply', '--dry-run=server', '--validate=strict', '--filename=-'], { input: list(items) });
      return (await complaint(apply)).map((fault) => `${name}: ${fault}`);
    });
    return (await Promise.all(complaints)).flat();
  },
  'a field that there is not is refused, or the check above could not fail': async () => {
    const wrong = manifests(namespace).find(({ kind }) => kind === 'Deployment')!;
    wrong.spec.template.spec.containers[0].livenessprobe = {};
    const apply = kubectl(['apply', '--dry-run=server', '--validate=strict', '--filename=-'], {
      input: list([wrong]),
    });
    return expectRefusal(apply, 'unknown field');
  },
  'a Pod that breaks the restricted profile is refused': async () => {
    const pod = loader(namespace, 'an-image', { script: 'kubernetes/load-pod.js', args: [] });
    delete pod.spec.containers[0].securityContext;
    const apply = kubectl(['apply', '--dry-run=server', '--filename=-'], { input: JSON.stringify(pod) });
    return expectRefusal(apply, 'violates PodSecurity "restricted');
  },
};

async function complaint(command: Promise<unknown>): Promise<string[]> {
  return command.then(
    () => [],
    (error: Error) => [error.message],
  );
}

async function expectRefusal(command: Promise<unknown>, words: string): Promise<string[]> {
  const said = (await complaint(command)).join();
  return said.includes(words) ? [] : [`not refused: ${said}`];
}
