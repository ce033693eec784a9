// The load generator, a process of its own: it is sent a job, answers with what it measured, and ends with its parent.
import { connect } from 'node:net';
import autocannon from 'autocannon';
import { cpuTime, memory } from './usage.js';

/** How many connections are opened at once: no more than the kernel holds for a server that is busy. */
const PORTION = 250;

/** A connection to hold: no load generator sends half a request and waits. */
class Connection {
  #socket;
  #answer = '';
  #resolve;
  #reject;

  constructor(port) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    // A character a byte, so that Content-Length counts both.
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', (error) => this.#reject(error));
    this.#socket.on('close', () => this.#reject(new Error('The server closed a connection')));
  }

  /** Sends a request and resolves when all of its answer is there. */
  ask(request) {
    return new Promise((resolve, reject) => {
      this.#answer = '';
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(request);
    });
  }

  /** Sends a part of a request, or the rest of it. */
  send(bytes) {
    this.#socket.write(bytes);
  }

  close() {
    this.#socket.destroy();
  }

  #read(chunk) {
    this.#answer += chunk;
    const head = this.#answer.indexOf('\r\n\r\n');
    if (head === -1) {
      return;
    }
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#answer)?.[1];
    if (!this.#answer.startsWith('HTTP/1.1 200 ') || length === undefined) {
      this.#reject(new Error(`Not a 200 with a Content-Length: ${this.#answer}`));
    } else if (this.#answer.length >= head + 4 + Number(length)) {
      this.#resolve();
    }
  }
}

/**
 * Sends so many requests in all, over so many connections, each sending its next one when its last one is answered.
 *
 * @returns CPU time of the server per request (µs), requests per second, and latencies (ms)
 */
async function load({ port, pid, path, connections, requests }) {
  const cpuBefore = cpuTime(pid);
  const began = performance.now();
  const result = await autocannon({
    url: `http://127.0.0.1:${port}${path}`,
    connections,
    amount: requests,
    sampleInt: 10, // By default it looks once a second whether all is answered.
  });
  const seconds = (performance.now() - began) / 1000;
  if (result['2xx'] !== requests) throw new Error(`${result['2xx']} of ${requests} requests were answered with a 200`);
  return {
    cpu: ((cpuTime(pid) - cpuBefore) * 1000) / requests,
    perSecond: requests / seconds,
    p50: result.latency.p50,
    p99: result.latency.p99,
  };
}

/** Connections with half a request on each, and the answers that they wait for. */
const held = [];
let answers;

/**
 * Opens so many connections, with an answer behind each, and sends half a request over each.
 *
 * @returns memory of the server before, with the idle connections, and with the requests in flight (MB)
 */
async function hold({ port, pid, connections: count }) {
  const get = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`;
  const before = memory(pid).rss;
  while (held.length < count) {
    const portion = Array.from({ length: Math.min(PORTION, count - held.length) }, () => new Connection(port));
    // oxlint-disable-next-line no-await-in-loop
    await Promise.all(portion.map((connection) => connection.ask(`${get}\r\n`)));
    held.push(...portion);
  }
  const idle = memory(pid).rss;
  const half = `${get}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{`;
  answers = Promise.all(held.map((connection) => connection.ask(half)));
  await new Connection(port).ask(`${get}\r\n`); // when this one is answered, the server has what was sent before
  return { before, idle, inFlight: memory(pid).rss };
}

/** Sends the rest of what is held, and waits for the answers. */
async function release() {
  held.splice(0).forEach((connection) => connection.send('}'));
  await answers;
}

const jobs = { load, hold, release };

process.on('message', async ({ job, ...options }) => {
  try {
    process.send({ measured: (await jobs[job](options)) ?? {} });
  } catch (error) {
    process.send({ error: error.message });
  }
});
process.once('disconnect', () => process.exit());
