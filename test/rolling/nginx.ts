import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from 'port-binding/check/ports';
import { answering } from '../support/reachable.js';
import { Program, emptyFolder } from '../support/service.js';
import { NGINX } from '../balancers/nginx.js';

/** How nginx hands requests on. */
export const PROXY_PASS = {
  /** As it does when nothing is said: HTTP/1.0, each request on a connection of its own. */
  plain: '',
  /** As it is told to keep connections. */
  'kept alive': 'proxy_http_version 1.1; proxy_set_header Connection "";',
};

/**
 * A real nginx in front of one instance, without a second try at another one and without a buffer of its own for what
 * the client sends, so that nothing hides a lost request.
 *
 * @returns the port to ask, once it answers
 */
export async function startNginx(instance: number, proxyPass: keyof typeof PROXY_PASS): Promise<number> {
  const folder = emptyFolder();
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off;
master_process off; # or its workers would outlive it
pid ${folder}/nginx.pid;
error_log stderr crit;
events {}
http {
  access_log off;
  client_max_body_size 0;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
  upstream instance {
    server 127.0.0.1:${instance};
    keepalive 32;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://instance;
      ${PROXY_PASS[proxyPass]}
      proxy_next_upstream off;
      proxy_request_buffering off;
    }
  }
}
`,
  );
  const program = new Program(NGINX!, ['-e', 'stderr', '-c', file], {});
  await Promise.race([
    answering(port),
    program.exit.then(() => {
      throw new Error(`nginx ended: ${program.stderr}`);
    }),
  ]);
  return port;
}
