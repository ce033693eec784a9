import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';

const START_TIMEOUT = 120_000;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
// A signal by itself ends a process without its 'exit' event.
['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => process.exit(1)));

/** A contestant that runs: a process of its own, on a port that the operating system chose. */
export class Server {
  stderr = '';
  #child;

  constructor(child, port) {
    this.#child = child;
    this.port = port;
    child.stderr.on('data', (chunk) => (this.stderr += chunk));
  }

  get pid() {
    return this.#child.pid;
  }

  /** Resolves as soon as the contestant says which port it listens on. */
  static start({ name, args, env, cwd }) {
    const child = spawn(process.execPath, args, {
      cwd,
      // Nothing else is handed on: what npm and a shell set would have a say in the figures (NODE_OPTIONS).
      env: { NODE_ENV: 'production', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));

    return new Promise((resolve, reject) => {
      let said = '';
      const fail = (how) => {
        child.kill('SIGKILL');
        reject(new Error(`${name} ${how}: ${args.join(' ')}\n${said}`));
      };
      const timeout = setTimeout(
        fail,
        START_TIMEOUT,
        `did not say within ${START_TIMEOUT} ms which port it listens on`,
      );
      child.once('exit', (code) => {
        clearTimeout(timeout);
        fail(`ended with exit code ${code}`);
      });
      child.stderr.on('data', (chunk) => (said += chunk));
      child.stdout.on('data', (chunk) => {
        said += chunk;
        const port = /port\D{0,3}(\d+)\D/i.exec(said)?.[1];
        if (port) {
          clearTimeout(timeout);
          // Whatever comes next is thrown away, but read: a full pipe would block the contestant.
          child.stdout.removeAllListeners('data').resume();
          resolve(new Server(child, Number(port)));
        }
      });
    });
  }

  /** What a GET is answered with; anything but a 200 with JSON is an error. */
  async get(path) {
    const request = get({ host: '127.0.0.1', port: this.port, path, agent: false, timeout: START_TIMEOUT });
    request.once('timeout', () => request.destroy(new Error(`no answer from ${path} within ${START_TIMEOUT} ms`)));
    const [response] = await once(request, 'response');
    const body = (await response.setEncoding('utf8').toArray()).join('');
    if (response.statusCode !== 200) {
      throw new Error(`${path} answered ${response.statusCode}: ${body}`);
    }
    return { answer: JSON.parse(body), cacheControl: response.headers['cache-control'] };
  }

  /** By default kills: how a contestant shuts down is not what is measured. */
  async stop(signal = 'SIGKILL') {
    if (running.has(this.#child)) {
      this.#child.kill(signal);
      await once(this.#child, 'close');
    }
  }
}
