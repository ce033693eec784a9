import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from 'port-binding/check/ports';
import { Program, emptyFolder } from '../support/service.js';
import { type Balancer, type Instance, installed } from './balancer.js';

export const HAPROXY = installed('haproxy');

/**
 * HAProxy that is not reloaded. It holds empty slots for servers: instances are put in over its admin socket, and only its
 * own health checks of `/health/ready` decide which of them gets requests. Without a time of their own they would have
 * `inter` to be answered, and a busy instance would be taken out; and to connect takes 3 s where the kernel has no room at
 * the first two tries.
 */
export class HAProxy implements Balancer {
  private constructor(
    readonly port: number,
    private readonly program: Program,
    private readonly socket: string,
    private readonly slots: (number | undefined)[],
  ) {}

  /**
   * @param check how to check, in HAProxy's words: `inter 2s fall 2`
   * @param mode `http` balances requests, `tcp` connections
   * @param request what a check asks for; nothing for HAProxy's own request
   */
  static async start(check: string, mode: 'http' | 'tcp' = 'http', request = 'GET /health/ready'): Promise<HAProxy> {
    const folder = emptyFolder();
    const socket = join(folder, 'admin.sock');
    const port = await freePort();
    const slots = Array.from({ length: 8 }, () => undefined);
    writeFileSync(
      join(folder, 'haproxy.cfg'),
      `global
  stats socket ${socket} mode 600 level admin
defaults
  mode ${mode}
  retries 0
  timeout connect 10s
  timeout check 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:${port}
  default_backend instances
backend instances
  balance roundrobin
  option httpchk ${request}
  ${request && 'http-check expect status 200'}
  default-server check ${check} rise 1
${slots.map((_, slot) => `  server s${slot} 127.0.0.1:1 disabled`).join('\n')}
`,
    );
    const program = new Program(HAPROXY!, ['-db', '-q', '-f', join(folder, 'haproxy.cfg')], {});
    const balancer = new HAProxy(port, program, socket, slots);
    await balancer.until(() => existsSync(socket));
    return balancer;
  }

  async join({ port }: Pick<Instance, 'port'>): Promise<void> {
    const slot = this.slots.indexOf(undefined);
    this.slots[slot] = port;
    await this.command(`set server instances/s${slot} addr 127.0.0.1 port ${port}`);
    await this.command(`set server instances/s${slot} state ready`);
    await this.until(async () => (await this.column(slot, 'status')).startsWith('UP'));
  }

  async leave({ service, port }: Instance): Promise<void> {
    service.kill('SIGTERM');
    await service.exit;
    const slot = this.slots.indexOf(port);
    await this.command(`set server instances/s${slot} state maint`);
    this.slots[slot] = undefined;
  }

  /** What the first health check of an instance has found: `L7OK 200`. */
  async checked({ port }: Pick<Instance, 'port'>): Promise<string> {
    const slot = this.slots.indexOf(port);
    const result = async () => `${await this.column(slot, 'check_status')} ${await this.column(slot, 'check_code')}`;
    await this.until(async () => /^L\d/.test(await result()));
    return result();
  }

  stop(): void {
    this.program.kill('SIGKILL');
  }

  private async column(slot: number, name: string): Promise<string> {
    const table = (await this.command('show stat')).trim().split('\n');
    const [columns, row] = [
      table[0]!.split(','),
      table.find((line) => line.startsWith(`instances,s${slot},`))!.split(','),
    ];
    return row[columns.indexOf(name)]!;
  }

  private async command(line: string): Promise<string> {
    const socket = connect(this.socket).setEncoding('utf8');
    socket.end(`${line}\n`);
    let answer = '';
    for await (const text of socket) answer += text as string;
    return answer;
  }

  private async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) {
      if (this.program.process.exitCode !== null) throw new Error(`HAProxy ended: ${this.program.stderr}`);
      await delay(20);
    }
  }
}
