import { type Clause, type Result, judge, result } from '../clause.js';
import { freePort, takePort } from '../ports.js';
import type { Program, Start } from '../program.js';
import { type Subject, ended, withoutPort } from '../subject.js';

export const BAD_PORT: Clause = {
  id: 'bad-port',
  title: 'Refuses a bad PORT in a line that names it',
  consequence:
    'The deploy looks healthy while nothing listens where the platform connects. Node.js, for one, takes "abc" for the path of a Unix socket.',
  remedy:
    'Accept digits only, from 0 to 65535. Otherwise print one line with the variable and its value, and exit with a status other than 0.',
};

export const TAKEN_PORT: Clause = {
  id: 'taken-port',
  title: 'Refuses a port that is taken',
  consequence:
    'The platform believes that the service runs on the port that it gave, and sends the requests to another program.',
  remedy:
    'On EADDRINUSE print one line that names the port, and exit with a status other than 0. Never try the next port.',
};

/** Ports that the service must not start with. */
export async function* refusals(subject: Subject): AsyncGenerator<Result> {
  yield await badPort(subject);
  yield await takenPort(subject);
}

async function badPort(subject: Subject): Promise<Result> {
  // A free port where a value contains one: a program that reads it as that port must be able to bind it.
  const port = await freePort();
  const values = [
    'abc',
    '-1',
    '65536',
    `0x${port.toString(16).toUpperCase()}`,
    ` ${port}`,
    `${port}.5`,
    'tcp://10.0.0.1:80',
    '\\\\.\\pipe\\4f1c',
  ];
  const details: string[] = [];
  const faults: string[] = [];
  for (const value of values) {
    subject.progress(`starts the command with PORT="${value}"`);
    const program = subject.watch(subject.command.start(value));
    const start = await program.start(subject.patienceMs);
    await subject.kill(program);
    const fault = faultOf(program, start, value);
    details.push(`"${value}": ${fault ?? `refused with status ${start.exit!.code}`}`);
    if (fault !== undefined) faults.push(`"${value}": ${fault}`);
  }
  const refused = values.length - faults.length;
  return judge(
    BAD_PORT,
    faults.length === 0,
    faults.length === 0 ? `all ${refused} refused` : `${refused} of ${values.length} refused; ${faults[0]}`,
    details,
  );
}

/** The fault of a start that is no refusal. */
function faultOf(program: Program, start: Start, value: string): string | undefined {
  const { exit, sockets } = start;
  if (sockets.length > 0) return `the program bound ${sockets.map(({ port }) => port).join(', ')}`;
  if (!exit) return withoutPort(program, start);
  if (exit.code === 0) return 'the program ended with status 0';
  return names(program.output, value) ? undefined : `no line names it, and the program ${ended(exit)}`;
}

/** Whether an output speaks of a value, or of the port; but not of one that is taken, which would be another port. */
function names(output: string, value: string): boolean {
  const written = [value, JSON.stringify(value).slice(1, -1)];
  // As a word of its own: -1 is a part of many a date.
  if (written.some((each) => new RegExp(`(?<!\\w)${escape(each)}(?!\\w)`).test(output))) return true;
  return /\bport\b/i.test(output) && !/EADDRINUSE|in use|taken/i.test(output);
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

async function takenPort(subject: Subject): Promise<Result> {
  if (subject.command.isContainer) {
    return result(TAKEN_PORT, 'not checked', 'in the network of a container no other program has the port');
  }
  const { port, release } = await takePort();
  subject.progress(`starts the command with port ${port}, which is taken`);
  const program = subject.watch(subject.command.start(port));
  try {
    const start = await program.start(subject.patienceMs);
    const { exit, sockets } = start;
    if (sockets.length > 0) {
      return judge(TAKEN_PORT, false, `bound ${sockets.map((socket) => socket.port).join(', ')} instead of ${port}`);
    }
    return exit && exit.code !== 0
      ? judge(TAKEN_PORT, true, ended(exit))
      : judge(TAKEN_PORT, false, withoutPort(program, start));
  } finally {
    await subject.kill(program);
    await release();
  }
}
