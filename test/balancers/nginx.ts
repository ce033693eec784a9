import { spawnSync } from 'node:child_process';
import { Program } from '../support/service.js';
import { installed } from './balancer.js';
import { Reloaded } from './reloaded.js';

export const NGINX = installed('nginx');

/** From 1.29.3 on it can keep what clients hold idle open through a reload. */
export const KEEPS_IDLE = NGINX !== undefined && version(NGINX) >= 1_029_003;

export async function startNginxReload(): Promise<Reloaded> {
  return Reloaded.start({
    file: 'nginx.conf',
    configuration,
    run: (folder) => new Program(NGINX!, ['-p', folder, '-c', 'nginx.conf', '-g', 'daemon off;', '-e', 'stderr'], {}),
    signal: 'SIGHUP',
  });
}

function configuration(port: number, generation: string, instances: number[]): string {
  return `pid nginx.pid;
${process.getuid?.() === 0 ? 'user root; # or its workers could not write into this folder' : ''}
worker_processes 2;
error_log stderr;
events {
}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${kind};`).join(' ')}
  client_max_body_size 10m;
  upstream service {
${(instances.length > 0 ? instances : [1]).map((instance) => `    server 127.0.0.1:${instance};`).join('\n')}
    keepalive 32;
  }
  server {
    listen 127.0.0.1:${port};
${KEEPS_IDLE ? '    keepalive_min_timeout 15s;' : ''}
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream off;
    }
    location = /generation {
      return 200 "${generation}";
    }
  }
}
`;
}

/** 1.22.1 as 1,022,001. */
function version(program: string): number {
  const { stderr } = spawnSync(program, ['-v'], { encoding: 'utf8' });
  const [, major, minor, patch] = /nginx\/(\d+)\.(\d+)\.(\d+)/.exec(stderr) ?? [];
  return Number(major) * 1_000_000 + Number(minor) * 1000 + Number(patch);
}
