import { type IncomingHttpHeaders, type OutgoingHttpHeaders, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe } from '@jest/globals';
import { Container, describeWithDocker } from '../support/docker.js';
import { type Program, type RunOptions, run } from '../support/service.js';

/** The port that the service binds without `PORT`. */
const DEFAULT_PORT = 3000;

export interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A service under contract: what a platform sees of it, however it runs. */
export interface Instance {
  program: Program;
  /** Waits until the service accepts connections at the requested port; fails when it ends before, or takes too long. */
  listening(): Promise<void>;
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

/** A built program, which may be a fork's. */
export function program(name: string, options: () => RunOptions = () => ({}), variables = {}): Target {
  return {
    name,
    describe,
    start(env) {
      const [host, port] = [env['HOST'] ?? '127.0.0.1', Number(env['PORT'] || DEFAULT_PORT)];
      const service = run({ ...variables, ...env }, options());
      let accepting: Promise<void> | undefined;
      const listening = () => (accepting ??= service.accepting(port, host));
      return {
        program: service,
        listening,
        async get(path, headers) {
          await listening();
          return request(`http://${host}:${port}${path}`, headers);
        },
        async statusOverIPv6(path) {
          await listening();
          return (await fetch(`http://[::1]:${port}${path}`)).status;
        },
        signal: async (signal, times = 1) => {
          for (let time = 0; time < times; time++) service.kill(signal);
        },
      };
    },
  };
}

export const image: Target = {
  name: 'the container image',
  describe: describeWithDocker(),
  start(env) {
    const port = Number(env['PORT'] || DEFAULT_PORT);
    // Docker gives containers no IPv6, not even the loopback, unless it is told to.
    const container = Container.run(env, ['--sysctl', 'net.ipv6.conf.all.disable_ipv6=0']);
    let url: Promise<string> | undefined;
    const answering = () => (url ??= container.url());
    return {
      program: container,
      listening: async () => void (await answering()),
      get: async (path, headers) => request((await answering()) + path, headers),
      async statusOverIPv6(path) {
        await answering();
        return Number(await container.evaluate(`console.log((await fetch('http://[::1]:${port}${path}')).status)`));
      },
      async signal(signal, times = 1) {
        if (times === 1) return container.kill(signal);
        // From inside, because Docker takes some time to send another.
        await container.evaluate(`for (let time = 0; time < ${times}; time++) process.kill(1, '${signal}')`);
      },
    };
  },
};

/** As `fetch` does, but with a `Host` of one's own, which `fetch` does not send. */
function request(url: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  return new Promise((answer, fail) => {
    get(url, { agent: false, headers: { Connection: 'keep-alive', ...headers } }, (response) => {
      text(response).then((body) => answer({ status: response.statusCode, headers: response.headers, body }), fail);
    }).on('error', fail);
  });
}
