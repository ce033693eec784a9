import { networkInterfaces } from 'node:os';
import { accepts, ask, inWords } from '../client.js';
import { type Clause, type Result, judge, result } from '../clause.js';
import { freePort, freePorts } from '../ports.js';
import { START_LIMIT_MS, type Serving, type Subject, seconds, withoutPort } from '../subject.js';

export const GIVEN_PORT: Clause = {
  id: 'given-port',
  title: 'Binds the port in PORT',
  consequence:
    'Heroku, Cloud Run, Railway and Render choose the port and send requests only there. The deploy fails, because nothing answers.',
  remedy: 'Read PORT from the environment and pass it to listen(). Fixed numbers belong into the default only.',
};

export const DEFAULT_PORT: Clause = {
  id: 'default-port',
  title: 'Binds a default port without PORT',
  consequence:
    'Docker, Compose and a developer set no PORT. The service does not start there, or nobody knows its port.',
  remedy: 'Fall back to one fixed port when PORT is unset, and name it in the README and in EXPOSE.',
};

export const IPV4: Clause = {
  id: 'ipv4',
  title: 'Listens on every IPv4 interface',
  consequence:
    'Platforms connect from outside the container, never from its loopback. Docker, Kubernetes and Cloud Run see a refused connection.',
  remedy: 'Bind 0.0.0.0 or ::, or give listen() no host. Do not bind localhost or 127.0.0.1.',
};

export const IPV6: Clause = {
  id: 'ipv6',
  title: 'Listens on every IPv6 interface',
  consequence:
    "Heroku's Fir generation routes to [::]:$PORT, and Fly.io's and Railway's private networks use IPv6. They see a refused connection.",
  remedy: 'Bind ::, which takes IPv4 connections as well, and fall back to 0.0.0.0 on hosts without IPv6.',
};

export const TIME_TO_LISTEN: Clause = {
  id: 'time-to-listen',
  title: 'Listens within the time that platforms give',
  consequence:
    'Heroku ends a program that has not bound its port within 60 s (error R10). Others wait for 230 to 300 s.',
  remedy: 'Bind the port first. Build, migrate and warm up before the start, or while readiness still says no.',
};

export const PORT_ZERO: Clause = {
  id: 'port-zero',
  title: 'With PORT=0, tells which port it has bound',
  consequence: 'Tests and local runs cannot let the operating system choose a free port.',
  remedy: 'Let PORT=0 through, and log the bound address, not the requested port.',
};

/** Starts the service with a port, with none, and with 0. */
export async function* binding(subject: Subject): AsyncGenerator<Result> {
  const { command } = subject;
  const starts: Serving[] = [];
  const wrong: string[] = [];
  for (const port of await freePorts(3)) {
    if (starts.length > 0) await subject.kill(starts.at(-1)!.program);
    subject.progress(`starts the command with port ${port}`);
    const serving = await subject.serve(port);
    starts.push(serving);
    const fault = await faultOf(serving, port, subject);
    if (fault !== undefined) wrong.push(fault);
  }
  const [middle] = starts
    .map(({ start }) => start.ms)
    .toSorted((a, b) => a - b)
    .slice(1);
  subject.msToListen = middle!;

  const ports = starts.map(({ port }) => port).join(', ');
  if (wrong.length > 0) {
    yield judge(GIVEN_PORT, false, wrong[0]!, wrong);
  } else if (command.portOption === undefined || (await readsPort(subject))) {
    yield judge(GIVEN_PORT, true, `bound ${ports}`);
  } else {
    yield result(GIVEN_PORT, 'not promised', `takes its port from ${command.portOption}, and does not read PORT`, [
      `With ${command.portOption} it bound ${ports}.`,
      `A platform that only sets PORT needs a shell: sh -c 'exec ${command.text} ${command.portOption}"$PORT"'`,
    ]);
  }

  const last = starts.at(-1)!;
  yield await ipv4(subject, last);
  yield await ipv6(subject, last);
  await subject.kill(last.program);
  yield timeToListen(middle!);
  yield await defaultPort(subject);
  yield await portZero(subject);
}

export function timeToListen(ms: number): Result {
  return judge(TIME_TO_LISTEN, ms <= START_LIMIT_MS, `${seconds(ms)}, the median of three starts`, [
    'The limits: Heroku 60 s, Azure App Service 230 s, Cloud Run 240 s, Railway 300 s.',
  ]);
}

/** Why a start with this port is not what was asked for, if it is not. */
async function faultOf({ port, endpoint, program }: Serving, requested: number, { options }: Subject) {
  if (port !== requested) {
    const { sockets } = await program.start(0);
    return `was given ${requested} and bound ${sockets.map((socket) => socket.port).join(', ') || port}`;
  }
  return ask(endpoint, options.path).then(
    () => undefined,
    (error: unknown) => `bound ${requested}, but GET ${options.path} got no answer in HTTP: ${inWords(error)}`,
  );
}

/** Whether a command that takes an option for its port reads PORT as well. */
async function readsPort(subject: Subject): Promise<boolean> {
  const port = await freePort();
  const program = subject.watch(subject.command.startWithPort(port));
  const { sockets } = await program.start(subject.patienceMs);
  await subject.kill(program);
  return sockets.some((socket) => socket.port === port);
}

async function ipv4({ command }: Subject, { start, port, endpoint }: Serving): Promise<Result> {
  const bound = addresses(start.sockets, port);
  const everywhere = bound.some((address) => address === '0.0.0.0' || address === '::');
  // 127.0.0.2 is an address of every Linux, and refuses what is bound to 127.0.0.1 or to one other address.
  const other = command.isContainer ? endpoint : { host: '127.0.0.2', port };
  const reached = await accepts(other);
  return judge(IPV4, everywhere && reached, `bound to ${bound.join(' and ')}`);
}

async function ipv6({ command }: Subject, { start, port, endpoint }: Serving): Promise<Result> {
  const bound = addresses(start.sockets, port);
  const everywhere = bound.includes('::');
  if (command.isContainer) {
    // A container's loopback cannot be reached from here; its table of sockets can.
    return everywhere
      ? judge(IPV6, true, 'bound to ::')
      : result(
          IPV6,
          'not checked',
          'Docker gives containers no IPv6, unless --sysctl net.ipv6.conf.all.disable_ipv6=0',
        );
  }
  if (!hasIPv6()) return result(IPV6, 'not checked', 'this machine has no IPv6');
  const reached = await accepts({ ...endpoint, host: '::1' });
  return judge(IPV6, everywhere && reached, `bound to ${bound.join(' and ')}`);
}

function addresses(sockets: Serving['start']['sockets'], port: number): string[] {
  return [...new Set(sockets.filter((socket) => socket.port === port).map(({ address }) => address))];
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((addressesOf) => addressesOf?.some(({ family }) => family === 'IPv6'));
}

async function defaultPort(subject: Subject): Promise<Result> {
  const bound: number[][] = [];
  // Twice: a port that is another one each time is no default.
  for (let time = 0; time < 2; time++) {
    subject.progress('starts the command without PORT');
    const program = subject.watch(subject.command.start());
    const start = await program.start(subject.patienceMs);
    await subject.kill(program);
    if (start.sockets.length === 0) {
      const seen = withoutPort(program, start);
      return /EADDRINUSE|in use|taken/i.test(program.output)
        ? result(DEFAULT_PORT, 'not checked', `${seen}. Another program on this machine has the port`)
        : judge(DEFAULT_PORT, false, seen);
    }
    bound.push(start.sockets.map(({ port }) => port));
  }
  const [first, second] = bound as [number[], number[]];
  const fixed = first.find((port) => second.includes(port));
  return fixed === undefined
    ? judge(DEFAULT_PORT, false, `bound ${first.join(', ')} at one start and ${second.join(', ')} at the next`)
    : judge(DEFAULT_PORT, true, `bound ${fixed}`);
}

async function portZero(subject: Subject): Promise<Result> {
  const { command, options } = subject;
  if (command.isContainer) return result(PORT_ZERO, 'not checked', 'a port to publish must be known beforehand');
  subject.progress('starts the command with port 0');
  const program = subject.watch(command.start('0'));
  try {
    const start = await program.start(subject.patienceMs);
    const [socket] = start.sockets;
    if (!socket) return result(PORT_ZERO, 'not promised', withoutPort(program, start));
    const endpoint = await program.endpoint(socket.port);
    const body = await ask(endpoint, options.path).then(
      (answer) => answer.body,
      () => '',
    );
    const places = Object.entries({ 'its log': program.output, [`GET ${options.path}`]: body })
      .filter(([, text]) => new RegExp(`\\b${socket.port}\\b`).test(text))
      .map(([place]) => place);
    return places.length > 0
      ? result(PORT_ZERO, 'holds', `bound ${socket.port}, which is in ${places.join(' and in ')}`)
      : result(PORT_ZERO, 'not promised', `bound ${socket.port}, and says so neither in its log nor in its answer`);
  } finally {
    await subject.kill(program);
  }
}
