import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeWith } from './requirement.js';
import { Program, emptyFolder } from './service.js';

/** Debian keeps the programs of each version here, and not in PATH. */
const VERSIONS = '/usr/lib/postgresql';

const bin = existsSync(VERSIONS) ? join(VERSIONS, readdirSync(VERSIONS).toSorted().at(-1)!, 'bin') : '';

/** A `describe` for tests that need PostgreSQL. */
export const describeWithPostgreSql = () =>
  describeWith(existsSync(join(bin, 'initdb')), 'PostgreSQL', 'Install it: apt-get install postgresql');

/** A database server of the test's own, which can be down. */
export class PostgreSql {
  private program: Program | undefined;

  /** Below those that the operating system hands out: while the server is down, nobody else gets it. */
  private readonly port = 20_000 + (process.pid % 10_000);

  private constructor(private readonly folder: string) {}

  static create(): PostgreSql {
    const server = new PostgreSql(emptyFolder());
    const { uid, gid } = user() ?? {};
    if (uid !== undefined && gid !== undefined) chownSync(server.folder, uid, gid);
    const args = ['--pgdata', server.folder, '--username=test', '--auth=trust', '--no-sync', '--encoding=UTF8'];
    execFileSync(join(bin, 'initdb'), [...args, '--locale=C'], { stdio: 'pipe', cwd: '/', ...user() });
    return server;
  }

  get url(): string {
    return `postgres://test@127.0.0.1:${this.port}/postgres`;
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', `port=${this.port}`];
    this.program = new Program(
      join(bin, 'postgres'),
      ['-D', this.folder, ...settings.flatMap((setting) => ['-c', setting])],
      { cwd: '/', ...user() },
    );
    while (this.query('select 1').status !== 0) {
      if (this.program.process.exitCode !== null) throw new Error(this.program.stderr);
      await delay(50);
    }
  }

  /** Breaks off all that is under way. */
  async stop(): Promise<void> {
    this.program?.kill('SIGINT');
    await this.program?.exit;
  }

  /** Resolves when a query is under way whose text has this in it. */
  async running(text: string): Promise<void> {
    const query = `select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${text}%'`;
    while (this.query(query).stdout.trim() === '0') await delay(20);
  }

  private query(text: string) {
    return spawnSync(join(bin, 'psql'), [this.url, '-Atc', text], { encoding: 'utf8' });
  }
}

/** It refuses to run as root. */
function user(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = ['-u', '-g'].map((option) =>
    Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' })),
  );
  return { uid: uid!, gid: gid! };
}
