/**
 * More clients than there are processors for, `crowd.ts <host> <port> <kept> <fresh>`: so many that keep their connection,
 * and so many that take a new one for each request, all of them asking again at once. Until SIGTERM, with a line a second.
 */
import { connect } from 'node:net';

const [host = '', port = '', kept = '', fresh = ''] = process.argv.slice(2);

let sent = 0;
const statuses: Record<string, number> = {};
const end = new AbortController();

/** One connection, on which one request after another is sent; resolves with why it ended. */
async function ask(keepAlive: boolean): Promise<void> {
  const request = `GET / HTTP/1.1\r\nHost: crowd\r\n${keepAlive ? '' : 'Connection: close\r\n'}\r\n`;
  await new Promise<void>((done) => {
    let [received, waiting] = ['', true];
    const count = (outcome: string) => {
      if (waiting) statuses[outcome] = (statuses[outcome] ?? 0) + 1;
      waiting = false;
    };
    const send = () => {
      [received, waiting] = ['', true];
      sent++;
      socket.write(request);
    };
    const socket = connect(Number(port), host, send).setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
      const [, status, length, body] =
        /^HTTP\/1\.1 (\d+).*\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n(.*)$/is.exec(received) ?? [];
      if (body === undefined || body.length < Number(length)) return;
      count(status!);
      if (end.signal.aborted || !keepAlive || /\r\nconnection: close\r\n/i.test(received)) socket.end();
      else send();
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => count(String(code)));
    socket.on('close', () => {
      count('closed');
      done();
    });
  });
}

async function client(keepAlive: boolean): Promise<void> {
  while (!end.signal.aborted) await ask(keepAlive);
}

const report = (message: string) => console.log(JSON.stringify({ message, sent, statuses }));
const interval = setInterval(() => report('so far'), 1000);
process.once('SIGTERM', () => end.abort());

await Promise.all([
  ...Array.from({ length: Number(kept) }, () => client(true)),
  ...Array.from({ length: Number(fresh) }, () => client(false)),
]);
clearInterval(interval);
report('done');
