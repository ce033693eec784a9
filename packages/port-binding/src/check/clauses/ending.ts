import { Agent, type ClientRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { isReady } from '../balancer.js';
import { type Answer, ask, inWords, open } from '../client.js';
import { type Clause, type Result, judge, result } from '../clause.js';
import { freePort } from '../ports.js';
import type { Endpoint, Program } from '../program.js';
import { type Serving, type Subject, ended, seconds } from '../subject.js';

export const NOT_READY: Clause = {
  id: 'not-ready',
  title: 'Says not ready after SIGTERM',
  consequence:
    'Load balancers that check readiness go on sending new connections until the port is closed. Each of these is lost.',
  remedy: 'On SIGTERM let the readiness path answer 503 at once. Liveness must go on answering 200.',
};

export const SERVES_ON: Clause = {
  id: 'serves-on',
  title: 'Goes on serving after SIGTERM, until balancers have noticed',
  consequence:
    'Routers send requests for some seconds after SIGTERM, because they hear of it later than the program. Users see 502 at each deploy.',
  remedy: 'Wait before closing the port: the check interval times the threshold, and a second more.',
};

export const TELLS_TO_CLOSE: Clause = {
  id: 'tells-to-close',
  title: 'Tells kept connections to close',
  consequence:
    'Balancers and clients reuse a kept connection at the very moment when the service closes it. Kubernetes does not close them for you.',
  remedy: 'After SIGTERM send "Connection: close" with every response, and only then close what is idle.',
};

export const SLOW_REQUEST: Clause = {
  id: 'slow-request',
  title: 'Answers a slow request that was in flight',
  consequence: 'At each deploy and each scale-down, users lose what they are waiting for.',
  remedy: 'On SIGTERM stop accepting, wait until every request is answered, and only then exit.',
};

export const UPLOAD: Clause = {
  id: 'upload',
  title: 'Answers an upload that was in flight',
  consequence: 'At each deploy and each scale-down, users lose what they are sending, and send it again.',
  remedy: 'On SIGTERM go on reading the bodies of requests that have begun, and answer these before the exit.',
};

export const ENDS_IN_TIME: Clause = {
  id: 'ends-in-time',
  title: 'Ends by itself within the grace period',
  consequence:
    'The platform sends SIGKILL at the end of the grace period. Every deploy waits for that, and what is in flight is lost.',
  remedy:
    'Handle SIGTERM, close the server and its idle connections, and exit. As PID 1 a program without a handler ignores SIGTERM.',
};

export const STATUS_ZERO: Clause = {
  id: 'status-zero',
  title: 'Ends with status 0',
  consequence: 'Each planned end looks like a crash: Kubernetes shows Error, systemd a failed unit, and alerts fire.',
  remedy: 'Exit with status 0 after SIGTERM when every request is answered.',
};

export const REACHES_PROGRAM: Clause = {
  id: 'reaches-program',
  title: 'SIGTERM to the command reaches the program',
  consequence:
    'The platform signals the process that it has started. Behind npm or a shell the program runs on, keeps the port, and is killed.',
  remedy:
    "Start the program itself, or with exec in front: sh -c 'exec node main.js'. npm start needs exec in its script.",
};

export const SIGTERM_AT_START: Clause = {
  id: 'sigterm-at-start',
  title: 'SIGTERM during the start ends it',
  consequence:
    'A deploy that is called off waits for the whole grace period, while the new instance still starts to serve.',
  remedy: 'Install the handler for SIGTERM before anything that takes time, and check after each such step.',
};

/** How long a request must be without an answer to count as slow. */
const SLOW_MS = 300;

const LOOK_MS = 50;

const JSON_TYPE = { 'Content-Type': 'application/json' };

/** Sends SIGTERM to a service that has clients of every kind. */
export async function* ending(subject: Subject): AsyncGenerator<Result> {
  const { options } = subject;
  subject.progress('sends SIGTERM while clients are connected');
  const serving = await subject.serve(await freePort());
  const { program, endpoint } = serving;
  const { status } = await ask(endpoint, options.path);
  const readyBefore = options.ready === undefined || (await isReady(endpoint, options.ready));

  // An idle connection must not keep the program from its end.
  const idle = new Agent({ keepAlive: true });
  await ask(endpoint, options.path, { agent: idle });
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const first = await ask(endpoint, options.path, { agent: kept });
  const slow = await slowRequest(serving, subject);
  const upload = await heldUpload(serving, subject);

  const began = performance.now();
  await program.signal('SIGTERM');
  const since = () => performance.now() - began;
  const over = () => program.exit !== undefined || since() > options.graceMs;
  const [served, unready, told, slowly, uploaded, endedInTime] = await Promise.all([
    servesUntil(endpoint, options.path, status, since, over),
    options.ready === undefined ? undefined : notReadyAt(endpoint, options.ready, since, over),
    first.closes ? 'closes every connection after one answer' : toldToClose(endpoint, options.path, kept, over),
    slow && finish(slow, holdMs(subject)),
    upload && finish(upload, holdMs(subject)),
    program.endsWithin(options.graceMs),
  ]);
  const took = since();
  for (const agent of [idle, kept]) agent.destroy();
  // The command's children may take a moment to notice that it has ended.
  const remains = await remainsOf(program);

  if (options.ready === undefined) {
    yield result(NOT_READY, 'not checked', 'needs the readiness path: --ready PATH');
  } else if (!readyBefore) {
    yield judge(NOT_READY, false, `GET ${options.ready} did not say ready before SIGTERM either`);
  } else {
    yield judge(NOT_READY, unready!.ms !== undefined, unready!.seen);
  }
  const needed = options.intervalMs * options.threshold;
  yield judge(
    SERVES_ON,
    served.ms >= needed,
    `served for ${seconds(served.ms)} of the ${seconds(needed)} that ${options.threshold} checks take${served.end}`,
  );
  yield judge(TELLS_TO_CLOSE, told.startsWith('closes') || told.startsWith('said'), told);
  yield held(SLOW_REQUEST, slow, slowly, 'answers before a body is in: --slow PATH names a slow path');
  yield held(UPLOAD, upload, uploaded, 'answers before an upload is in');
  const how = program.exit ? ended(program.exit) : 'was still running';
  yield judge(
    ENDS_IN_TIME,
    endedInTime,
    endedInTime ? `ended after ${seconds(took)}` : `${how} after ${seconds(took)}`,
  );
  yield endedInTime
    ? judge(STATUS_ZERO, program.exit!.code === 0, how)
    : judge(STATUS_ZERO, false, `${how}: the check ended it with SIGKILL`);
  yield endedInTime
    ? judge(
        REACHES_PROGRAM,
        remains === 0,
        remains === 0 ? 'nothing of it is left' : `${remains} of its processes ran on`,
      )
    : result(REACHES_PROGRAM, 'not checked', 'the command itself did not end');
  await subject.kill(program);
}

/** A request that waits for its client, and the status that its answer must have. */
interface Held {
  outgoing: ClientRequest;
  answer: Promise<Answer>;
  rest: Buffer | undefined;
  status: number;
}

/**
 * A request that is in flight for as long as the check wants: the client has yet to send the second half of its body. Many
 * services answer without looking at the body, though. Of these, the user has to name a path that is slow by itself.
 */
async function slowRequest({ endpoint }: Serving, { options }: Subject): Promise<Held | undefined> {
  if (options.slow !== undefined) {
    const { status } = await ask(endpoint, options.slow);
    const { outgoing, answer } = open(endpoint, options.slow);
    outgoing.end();
    return (await pending(answer)) ? { outgoing, answer, rest: undefined, status } : undefined;
  }
  const body = Buffer.from('{}');
  return (
    (await hold(endpoint, options.path, 'POST', JSON_TYPE, body)) ??
    (await hold(endpoint, options.path, 'GET', JSON_TYPE, body))
  );
}

async function heldUpload({ endpoint }: Serving, { options }: Subject): Promise<Held | undefined> {
  const json = Buffer.from(JSON.stringify({ text: 'x'.repeat(90_000) }));
  return (
    (await hold(
      endpoint,
      options.path,
      'POST',
      { 'Content-Type': 'application/octet-stream' },
      Buffer.alloc(1e6, 1),
    )) ?? (await hold(endpoint, options.path, 'POST', JSON_TYPE, json))
  );
}

/** Sends half of a body, if the service waits for the rest of it. */
async function hold(
  endpoint: Endpoint,
  path: string,
  method: string,
  type: Record<string, string>,
  body: Buffer,
): Promise<Held | undefined> {
  const question = { method, headers: { ...type, 'Content-Length': body.length }, timeoutMs: 120_000 };
  const calm = open(endpoint, path, question);
  calm.outgoing.end(body);
  const whole = await calm.answer.catch(() => undefined);
  if (!whole) return undefined;
  const { outgoing, answer } = open(endpoint, path, question);
  const half = Math.ceil(body.length / 2);
  outgoing.write(body.subarray(0, half));
  if (await pending(answer)) return { outgoing, answer, rest: body.subarray(half), status: whole.status };
  outgoing.destroy();
  return undefined;
}

async function pending(answer: Promise<Answer>): Promise<boolean> {
  return Promise.race([
    answer.then(
      () => false,
      () => false,
    ),
    delay(SLOW_MS, true),
  ]);
}

/** When to send the second half: later than a program ends that does not wait, and well before the grace period is over. */
function holdMs({ options }: Subject): number {
  return Math.min(2000, options.graceMs / 2);
}

/** Sends the rest of a request, and says what is wrong with the answer, if anything is. */
async function finish({ outgoing, answer, rest, status }: Held, afterMs: number): Promise<string | undefined> {
  await delay(afterMs);
  if (rest) outgoing.end(rest);
  return answer.then((got) => (got.status === status ? undefined : `got ${got.status} in place of ${status}`), inWords);
}

function held(clause: Clause, request: Held | undefined, fault: string | undefined, why: string): Result {
  if (!request) return result(clause, 'not checked', why);
  return judge(clause, fault === undefined, fault === undefined ? `answered with ${request.status}` : `lost: ${fault}`);
}

/** How long new connections are served as before, and what came then. */
async function servesUntil(
  endpoint: Endpoint,
  path: string,
  status: number,
  since: () => number,
  over: () => boolean,
): Promise<{ ms: number; end: string }> {
  for (let ms = 0; ; ms = since(), await delay(LOOK_MS)) {
    const fault = await ask(endpoint, path).then(
      (answer) => (answer.status === status ? undefined : `the status was ${answer.status}`),
      inWords,
    );
    if (fault !== undefined) return { ms, end: `, then ${fault}` };
    if (over()) return { ms: since(), end: '' };
  }
}

async function notReadyAt(endpoint: Endpoint, path: string, since: () => number, over: () => boolean) {
  for (;;) {
    const got = await ask(endpoint, path).catch(inWords);
    const ms = since();
    if (typeof got === 'string') return { ms: undefined, seen: `never said so: ${got} after ${seconds(ms)}` };
    if (got.status >= 400) return { ms, seen: `answered ${got.status} after ${seconds(ms)}` };
    if (over()) return { ms: undefined, seen: `still said ready after ${seconds(ms)}` };
    await delay(LOOK_MS);
  }
}

/** A client that goes on asking on one connection: told to close, or left to find out. */
async function toldToClose(endpoint: Endpoint, path: string, agent: Agent, over: () => boolean): Promise<string> {
  for (;;) {
    await delay(LOOK_MS);
    const { outgoing, answer } = open(endpoint, path, { agent });
    outgoing.end();
    const got = await answer.catch(inWords);
    if (!outgoing.reusedSocket) return 'closed a kept connection without a word';
    if (typeof got === 'string') return `a request on a kept connection was lost: ${got}`;
    if (got.closes) return 'said "Connection: close"';
    if (over()) return 'kept the connection to the end';
  }
}

/** How many processes are left of a program, once they have had time to end. */
async function remainsOf(program: Program): Promise<number> {
  for (let look = 0; look < 20; look++) {
    if ((await program.remains()).length === 0) return 0;
    await delay(LOOK_MS);
  }
  return (await program.remains()).length;
}

/** Sends SIGTERM to a service that does not listen yet. */
export async function* endingAtStart(subject: Subject): AsyncGenerator<Result> {
  const { command, msToListen, options } = subject;
  const details: string[] = [];
  const faults: string[] = [];
  // A container starts with what the engine does, and only then with its program.
  for (const part of command.isContainer ? [0.8] : [0.2, 0.5, 0.8]) {
    const ms = Math.round(part * msToListen);
    subject.progress(`sends SIGTERM ${seconds(ms)} after the start`);
    const program = subject.watch(command.start(await freePort()));
    await delay(ms);
    await program.signal('SIGTERM');
    const endedInTime = await program.endsWithin(options.graceMs);
    if (!endedInTime && command.isContainer) {
      await subject.kill(program);
      yield result(
        SIGTERM_AT_START,
        'not checked',
        'as PID 1, a program ignores SIGTERM until it runs, and when that is cannot be seen in a container',
      );
      return;
    }
    const left = endedInTime ? await remainsOf(program) : 0;
    const what = !endedInTime ? 'did not end' : left > 0 ? `left ${left} processes` : ended(program.exit!);
    details.push(`after ${seconds(ms)}: ${what}`);
    if (!endedInTime || left > 0) faults.push(`SIGTERM after ${seconds(ms)} of the start: ${what}`);
    await subject.kill(program);
  }
  yield judge(SIGTERM_AT_START, faults.length === 0, faults[0] ?? details.join(', '), details);
}
