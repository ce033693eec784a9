import { type Socket, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type GeneratorValue, constantFrom, nat } from 'fast-check';

interface Answer {
  whole: boolean;
  close: boolean;
}

/** One connection of one client, what it has sent over it, and what came back. */
export class Client {
  /** What happened, in milliseconds since the epoch, to be read when a run has failed. */
  readonly events: string[] = [];
  /** When the kernel had each request, as far as it has to be there for an answer to be owed: its header. */
  readonly requests: number[] = [];
  /** Whether it has left by itself before it had its answers. */
  left = false;

  private received = '';
  private readonly socket: Socket;
  private readonly gone: Promise<void>;

  constructor(
    port: number,
    readonly behaviour: keyof typeof BEHAVIOURS,
  ) {
    this.socket = connect(port, '127.0.0.1').setEncoding('latin1');
    this.socket.on('data', (text: string) => (this.received += text));
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.tell(error.code ?? error.message));
    this.gone = new Promise((done) => this.socket.on('close', () => done()));
  }

  async run(random: GeneratorValue): Promise<void> {
    await BEHAVIOURS[this.behaviour](this, random);
    await this.gone;
    this.tell(`closed after ${this.answers().length} of ${this.requests.length} answers`);
  }

  /** Sends text that has the headers of so many requests in it. */
  async send(text: string, requests = 0): Promise<void> {
    await new Promise((done) => this.socket.write(text, 'latin1', done));
    const now = Date.now();
    for (let request = 0; request < requests; request++) this.requests.push(now);
    this.tell(`sent ${text.length} bytes, ${requests} requests`);
  }

  /** Waits for an answer, or for the end. */
  async answered(count: number): Promise<boolean> {
    while (this.answers().filter(({ whole }) => whole).length < count && !this.socket.closed) {
      await Promise.race([new Promise((more) => this.socket.once('data', more)), this.gone]);
    }
    return !this.socket.closed && !this.answers().some(({ close }) => close);
  }

  leave(): void {
    this.left = true;
    this.socket.destroy();
  }

  read(reading: boolean): void {
    if (reading) this.socket.resume();
    else this.socket.pause();
  }

  /**
   * What the service owes it and has not given: the answers to requests that the kernel had by then. HTTP lets a
   * service leave unanswered what is sent behind an answer that says `Connection: close`.
   */
  lost(before: number): number {
    if (this.left) return 0;
    const answers = this.answers();
    const whole = answers.filter((answer) => answer.whole);
    const cutByHttp = whole.length === answers.length && whole.at(-1)?.close === true;
    if (cutByHttp) return 0;
    return this.requests.slice(whole.length).filter((sentAt) => sentAt < before).length;
  }

  /** Requests without an answer, whatever the reason. */
  get unanswered(): number {
    return this.left ? 0 : this.requests.length - this.answers().filter(({ whole }) => whole).length;
  }

  private answers(): Answer[] {
    const answers: Answer[] = [];
    for (let rest = this.received; rest !== '';) {
      const head = /^HTTP\/1\.1 (\d+)[^]*?\r\n\r\n/.exec(rest);
      if (!head) return [...answers, { whole: false, close: false }];
      const close = /\r\nconnection: close\r\n/i.test(head[0]);
      const end = bodyEnd(head[0], rest);
      if (end === undefined) return [...answers, { whole: false, close }];
      answers.push({ whole: true, close });
      rest = rest.slice(end);
    }
    return answers;
  }

  private tell(event: string): void {
    this.events.push(`${Date.now()} ${this.behaviour}: ${event}`);
  }
}

/** Where an answer ends, if it does. A WebSocket's ends with its close frame and the code 1001. */
function bodyEnd(head: string, text: string): number | undefined {
  if (head.startsWith('HTTP/1.1 101')) return text.includes('\x88\x02\x03\xe9') ? text.length : undefined;
  if (/\r\ntransfer-encoding: chunked\r\n/i.test(head)) {
    const end = text.indexOf('\r\n0\r\n\r\n', head.length - 2);
    return end === -1 ? undefined : end + 7;
  }
  const end = head.length + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return end <= text.length ? end : undefined;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;
const post = (path: string, header: string) => `POST ${path} HTTP/1.1\r\nHost: test\r\n${header}\r\n\r\n`;
const anyPath = (random: GeneratorValue) =>
  random(constantFrom, '/', '/health/live', '/health/ready', '/nowhere', `/streams/delay/${random(nat, 199)}`);

/** What clients do. */
export const BEHAVIOURS = {
  async 'asks once'(client: Client, random: GeneratorValue) {
    await client.send(get(anyPath(random)), 1);
  },

  async 'asks again and again'(client: Client, random: GeneratorValue) {
    for (let count = 1; count <= 50; count++) {
      await client.send(get(anyPath(random)), 1);
      if (!(await client.answered(count))) return;
      await delay(random(nat, 9));
    }
    client.leave();
  },

  async 'asks in a pipeline'(client: Client, random: GeneratorValue) {
    const requests = Array.from({ length: 2 + random(nat, 29) }, () => get(anyPath(random)));
    await client.send(requests.join(''), requests.length);
  },

  async 'asks in a pipeline of two parts'(client: Client, random: GeneratorValue) {
    const requests = Array.from({ length: 2 + random(nat, 4) }, () => get(anyPath(random)));
    await client.send(requests.join(''), requests.length);
    await delay(random(nat, 49));
    await client.send(requests.join(''), requests.length);
  },

  async 'sends half a header'(client: Client, random: GeneratorValue) {
    await client.send('GET / HTTP/1.1\r\nHo');
    await delay(random(nat, 499));
    client.leave();
  },

  async 'sends half a body'(client: Client, random: GeneratorValue) {
    await client.send(`${post('/streams/read', 'Content-Length: 100')}x`, 1);
    await delay(random(nat, 499));
    client.leave();
  },

  async 'sends a body slowly'(client: Client, random: GeneratorValue) {
    await client.send(`${post('/streams/read', 'Content-Length: 100')}x`, 1);
    await delay(random(nat, 499));
    await client.send('x'.repeat(99));
  },

  async 'uploads what nobody reads'(client: Client, random: GeneratorValue) {
    const path = random(constantFrom, '/streams/ignored', '/nowhere');
    const close = random(constantFrom, '', 'Connection: close\r\n');
    await client.send(post(path, `${close}Content-Length: 2000000`), 1);
    for (let part = 0; part < 20; part++) await client.send('x'.repeat(100_000));
  },

  async 'uploads chunks that nobody reads'(client: Client) {
    await client.send(post('/streams/ignored', 'Transfer-Encoding: chunked'), 1);
    for (let part = 0; part < 20; part++) await client.send(`186a0\r\n${'x'.repeat(100_000)}\r\n`);
    await client.send('0\r\n\r\n');
  },

  async 'reads slowly'(client: Client, random: GeneratorValue) {
    client.read(false);
    await client.send(get('/streams/large'), 1);
    await delay(random(nat, 499));
    client.read(true);
  },

  async 'listens to a stream'(client: Client) {
    await client.send(get('/streams/ticks'), 1);
  },

  async 'opens a WebSocket'(client: Client) {
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13';
    const headers = `Host: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}`;
    await client.send(`GET /ws HTTP/1.1\r\n${headers}\r\n\r\n`, 1);
  },

  async leaves(client: Client, random: GeneratorValue) {
    await client.send(get(random(constantFrom, '/streams/large', '/streams/ticks', '/streams/delay/100')), 1);
    await delay(random(nat, 49));
    client.leave();
  },
};
