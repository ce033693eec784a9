import { once } from 'node:events';
import { type Socket, connect } from 'node:net';

/** A client's connection, byte by byte: what no HTTP client would do, a test can. */
export class Connection {
  received = '';
  private readonly parsed: Answer[] = [];
  /** What is no whole answer yet: to look through all that has come would take longer with each answer. */
  private rest = '';
  /** Settles when the connection has ended: with `'closed'`, or the code of the error that ended it. */
  readonly end: Promise<string>;

  private constructor(private readonly socket: Socket) {
    let reason = 'closed';
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.received += text;
      this.rest += text;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (reason = error.code ?? error.message));
    this.end = new Promise((done) => socket.on('close', () => done(reason)));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((done, fail) => socket.once('connect', done).once('error', fail));
    return new Connection(socket);
  }

  send(bytes: string | Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  /** Sends, and waits until the kernel has it. */
  async sent(bytes: string): Promise<void> {
    await new Promise((done) => this.socket.write(bytes, done));
  }

  /** Waits until more has come in. */
  async more(): Promise<void> {
    await once(this.socket, 'data');
  }

  /** Reads no more, until it resumes. */
  pause(): this {
    this.socket.pause();
    return this;
  }

  resume(): void {
    this.socket.resume();
  }

  close(): void {
    this.socket.destroy();
  }

  /** Waits until so many answers have come in whole, and gives them. */
  async answers(count = 1): Promise<Answer[]> {
    for (;;) {
      this.parse();
      if (this.parsed.length >= count) return this.parsed;
      const more = new Promise<string>((done) => this.socket.once('data', () => done('data')));
      const event = await Promise.race([more, this.end]);
      if (event !== 'data' && this.parse() < count) {
        throw new Error(`${event} after ${this.parsed.length} of ${count} answers: ${this.received.slice(-2000)}`);
      }
    }
  }

  /** Sends a request and waits for its answer. */
  async request(text: string): Promise<Answer> {
    const before = this.parse();
    return (await this.send(text).answers(before + 1))[before]!;
  }

  /** Takes the answers that have come in whole, and tells how many they are by now. */
  private parse(): number {
    for (;;) {
      const head = /^HTTP\/1\.1 (\d+).*?\r\n\r\n/s.exec(this.rest);
      // Node's own answers, such as a 408, have neither a length nor a body.
      const length = Number(/content-length: (\d+)/i.exec(head?.[0] ?? '')?.[1] ?? 0);
      if (!head || this.rest.length < head[0].length + length) return this.parsed.length;
      this.parsed.push({
        status: Number(head[1]),
        connection: /\r\nconnection: (.*)\r\n/i.exec(head[0])?.[1],
        body: this.rest.slice(head[0].length, head[0].length + length),
      });
      this.rest = this.rest.slice(head[0].length + length);
    }
  }
}

export interface Answer {
  status: number;
  connection: string | undefined;
  body: string;
}

export const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;

/** A request whose body is still to come: as slow as its client. */
export const slow = (method: string, path: string, length: number) =>
  `${method} ${path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
