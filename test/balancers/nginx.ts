import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/free-port.js';
import { Program, emptyFolder } from '../support/service.js';
import { type Balancer, type Instance, installed, until } from './balancer.js';

export const NGINX = installed('nginx');

/** From 1.29.3 on it can keep what clients hold idle open through a reload. */
export const KEEPS_IDLE = NGINX !== undefined && version(NGINX) >= 1_029_003;

/** nginx with a list of instances, which is written anew and read by a reload. */
export class Nginx implements Balancer {
  private readonly instances: number[] = [];
  private generation = 0;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly program: Program,
  ) {}

  static async start(): Promise<Nginx> {
    const [port, folder] = [await freePort(), emptyFolder()];
    write(folder, port, '0', []);
    const program = new Program(NGINX!, ['-p', folder, '-c', 'nginx.conf', '-g', 'daemon off;', '-e', 'stderr'], {});
    const balancer = new Nginx(port, folder, program);
    await until(port, '/generation', (text) => text === '0');
    return balancer;
  }

  async join({ port }: Instance): Promise<void> {
    this.instances.push(port);
    await this.reload();
  }

  async leave({ service, port }: Instance): Promise<void> {
    this.instances.splice(this.instances.indexOf(port), 1);
    await this.reload();
    service.kill('SIGTERM');
    await service.exit;
  }

  stop(): void {
    this.program.kill('SIGTERM');
  }

  private async reload(): Promise<void> {
    const generation = String(++this.generation);
    write(this.folder, this.port, generation, this.instances);
    this.program.kill('SIGHUP');
    await until(this.port, '/generation', (text) => text === generation);
  }
}

function write(folder: string, port: number, generation: string, instances: number[]): void {
  writeFileSync(
    join(folder, 'nginx.conf'),
    `pid nginx.pid;
${process.getuid?.() === 0 ? 'user root; # or its workers could not write into this folder' : ''}
worker_processes 2;
error_log stderr;
events {
}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
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
`,
  );
}

/** 1.22.1 as 1,022,001. */
function version(program: string): number {
  const { stderr } = spawnSync(program, ['-v'], { encoding: 'utf8' });
  const [, major, minor, patch] = /nginx\/(\d+)\.(\d+)\.(\d+)/.exec(stderr) ?? [];
  return Number(major) * 1_000_000 + Number(minor) * 1000 + Number(patch);
}
