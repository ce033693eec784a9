import { expect, it } from '@jest/globals';
import { HAPROXY, HAProxy } from './balancers/haproxy.js';
import { describeWith } from './support/requirement.js';
import { start } from './support/service.js';

describeWith(
  HAPROXY !== undefined,
  'HAProxy',
  'Install it: apt-get install haproxy',
)("HAProxy's bare `option httpchk`, which sends OPTIONS /,", () => {
  it('finds a running instance up', async () => {
    const { port } = await start();
    const balancer = await HAProxy.start('inter 200ms', 'http', '');
    await balancer.join({ port });
    expect(await balancer.checked({ port })).toBe('L7OK 204');
    balancer.stop();
  });
});
