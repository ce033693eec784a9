import { type IncomingHttpHeaders, type OutgoingHttpHeaders, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe } from '@jest/globals';
import { Container, describeWithDocker } from '../support/docker.js';
import { IMAGE } from '../support/image.js';
import { type Program, type RunOptions, commandOf, run } from '../support/service.js';

export interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A service under contract: what a platform sees of it, however it runs. */
export interface Instance {
  program: Program;
  /** The requested port. */
  port: number;
  /** Waits until the service accepts connections at that port; fails when it ends before, or takes too long. */
  listening(): Promise<void>;
  /** Gets a path, once the service listens. */
  get(path: string, headers?: OutgoingHttpHeaders): Promise<Answer>;
  /** Sends a signal, or the same one more than once at a time. */
  signal(signal: NodeJS.Signals, times?: number): Promise<void>;
}

export interface Target {
  name: string;
  /** Declares its tests, where there is what it needs. */
  describe: typeof describe | typeof describe.skip;
  /** The command that starts it, for `port-binding check`. */
  command(): string[];
  /** The clauses of the check that need not be checked here. */
  unchecked: string[];
  start(env: Record<string, string>): Instance;
}

/** A built program, which may be a fork's. */
export function program(name: string, options: () => RunOptions = () => ({})): Target {
  return {
    name,
    describe,
    command: () => commandOf(options()),
    unchecked: ['default-port', 'ipv6'], // Another program may have that port, and a machine may lack IPv6.
    start(env) {
      const port = Number(env['PORT']);
      const service = run(env, options());
      let accepting: Promise<void> | undefined;
      const listening = () => (accepting ??= service.accepting(port));
      return {
        program: service,
        port,
        listening,
        async get(path, headers) {
          await listening();
          return request(`http://127.0.0.1:${port}${path}`, headers);
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
  command: () => ['docker', 'run', '--rm', '--interactive', IMAGE],
  unchecked: ['port-zero', 'taken-port'], // Docker must know the port beforehand, and nobody else has it in a container.
  start(env) {
    const container = Container.run(env);
    let url: Promise<string> | undefined;
    const answering = () => (url ??= container.url());
    return {
      program: container,
      port: container.containerPort,
      listening: async () => void (await answering()),
      get: async (path, headers) => request((await answering()) + path, headers),
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
