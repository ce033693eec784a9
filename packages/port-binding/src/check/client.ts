import { once } from 'node:events';
import { type Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Endpoint } from './program.js';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** Whether the server closes the connection behind it: said so, or in HTTP/1.0 did not say otherwise. */
  closes: boolean;
  /** From the request until the answer was complete, in milliseconds. */
  ms: number;
}

export interface Question {
  method?: string;
  headers?: Record<string, string | number>;
  agent?: Agent;
  timeoutMs?: number;
}

/** How long to wait for an answer. */
export const PATIENCE_MS = 10_000;

/** Sends a request without a body, on a connection of its own or one of the agent's. */
export async function ask(to: Endpoint, path: string, question: Question = {}): Promise<Answer> {
  const { outgoing, answer } = open(to, path, question);
  outgoing.end();
  return answer;
}

/** Begins a request whose body the caller sends. */
export function open(
  { host, port }: Endpoint,
  path: string,
  { method = 'GET', headers = {}, agent, timeoutMs = PATIENCE_MS }: Question = {},
): { outgoing: ClientRequest; answer: Promise<Answer> } {
  const began = performance.now();
  const outgoing = request({ host, port, path, method, headers, agent: agent ?? false });
  const answer = new Promise<Answer>((done, fail) => {
    const timer = setTimeout(() => {
      outgoing.destroy(new Error(`no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    outgoing.on('error', fail);
    let responded = false;
    outgoing.on('response', (response) => {
      responded = true;
      // Node destroys an incomplete answer with an error, so a body that arrives is whole.
      text(response).then(
        (body) =>
          done({
            status: response.statusCode!,
            headers: response.headers,
            body,
            closes: !outgoing.shouldKeepAlive || response.headers.connection === 'close',
            ms: performance.now() - began,
          }),
        fail,
      );
    });
    outgoing.on('close', () => {
      clearTimeout(timer);
      if (!responded) fail(new Error('the connection was closed without an answer'));
    });
  });
  // A caller may look at it much later.
  answer.catch(() => undefined);
  return { outgoing, answer };
}

/** Whether a connection is accepted. */
export async function accepts({ host, port }: Endpoint): Promise<boolean> {
  const socket = connect({ host, port, timeout: PATIENCE_MS });
  socket.once('timeout', () => socket.destroy(new Error('timeout')));
  return once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}

/** The reason why there was no answer, in a person's words. */
export function inWords(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return WORDS[message] ?? WORDS[code ?? ''] ?? message;
}

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  'socket hang up': 'the connection was closed without an answer',
  aborted: 'the answer was cut off',
};
