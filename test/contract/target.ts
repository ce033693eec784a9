import { type IncomingHttpHeaders, type OutgoingHttpHeaders, get } from 'node:http';
import { json } from 'node:stream/consumers';
import { describe } from '@jest/globals';
import { Container, describeWithDocker } from '../support/docker.js';
import { type Program, run } from '../support/service.js';

export interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: unknown;
}

/** A service under contract: what a platform sees of it, however it runs. */
export interface Instance {
  program: Program;
  /** Gets a path over IPv4, once the service listens. */
  get(path: string, headers?: OutgoingHttpHeaders): Promise<Answer>;
  /** The status of an answer over IPv6, from where the service runs. */
  statusOverIPv6(path: string): Promise<number>;
  /** Sends a signal, or the same one more than once at a time. */
  signal(signal: NodeJS.Signals, times?: number): Promise<void>;
}

export interface Target {
  name: string;
  /** Declares its tests, where there is what it needs. */
  describe: typeof describe | typeof describe.skip;
  start(env: Record<string, string>): Instance;
}

export const targets: Target[] = [
  {
    name: 'the built program',
    describe,
    start(env) {
      const program = run(env);
      return {
        program,
        get: async (path, headers = {}) => request(`http://127.0.0.1:${await program.listening()}${path}`, headers),
        statusOverIPv6: async (path) => (await fetch(`http://[::1]:${await program.listening()}${path}`)).status,
        signal: async (signal, times = 1) => {
          for (let time = 0; time < times; time++) program.kill(signal);
        },
      };
    },
  },
  {
    name: 'the container image',
    describe: describeWithDocker(),
    start(env) {
      // Docker gives containers no IPv6, not even the loopback, unless it is told to.
      const program = Container.run(env, ['--sysctl', 'net.ipv6.conf.all.disable_ipv6=0']);
      return {
        program,
        get: async (path, headers = {}) => request((await program.url()) + path, headers),
        statusOverIPv6: async (path) => {
          const url = `http://[::1]:${await program.listening()}${path}`;
          return Number(await program.evaluate(`console.log((await fetch('${url}')).status)`));
        },
        async signal(signal, times = 1) {
          if (times === 1) return program.kill(signal);
          // From inside, as it takes Docker some time to send another.
          await program.evaluate(`for (let time = 0; time < ${times}; time++) process.kill(1, '${signal}')`);
        },
      };
    },
  },
];

/** As `fetch` does, but with a `Host` of one's own, which `fetch` does not send. */
function request(url: string, headers: OutgoingHttpHeaders): Promise<Answer> {
  return new Promise((answer, fail) => {
    get(url, { agent: false, headers: { Connection: 'keep-alive', ...headers } }, (response) => {
      json(response).then((body) => answer({ status: response.statusCode, headers: response.headers, body }), fail);
    }).on('error', fail);
  });
}
