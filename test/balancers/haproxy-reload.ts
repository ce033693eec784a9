import { join } from 'node:path';
import { Program } from '../support/service.js';
import { HAPROXY } from './haproxy.js';
import { Reloaded } from './reloaded.js';

export async function startHAProxyReload(): Promise<Reloaded> {
  return Reloaded.start({
    file: 'haproxy.cfg',
    configuration,
    run: (folder) => new Program(HAPROXY!, ['-W', '-db', '-q', '-f', join(folder, 'haproxy.cfg')], {}),
    signal: 'SIGUSR2',
  });
}

function configuration(port: number, generation: string, instances: number[]): string {
  return `defaults
  mode http
  retries 0
  option idle-close-on-response
  timeout connect 2s
  timeout check 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain string "${generation}" if { path /generation }
  http-response del-header Keep-Alive
  default_backend instances
backend instances
  balance roundrobin
  option httpchk GET /health/ready
  http-check expect status 200
  default-server check inter 2s fall 2 rise 1
${instances.map((instance) => `  server s${instance} 127.0.0.1:${instance}`).join('\n')}
`;
}
