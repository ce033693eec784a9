import { readFileSync, readdirSync } from 'node:fs';
import { attempt } from '../sockets.js';

/** The variable that marks every process that a check starts: children inherit it, even those that leave the group. */
export const MARK = 'PORT_BINDING_CHECK';

/** The mark of this check, with which the mark of each of its programs begins. */
export const CHECK = `${process.pid}-${Date.now()}`;

interface Process {
  pid: number;
  parent: number;
  group: number;
  /** When it started, in clock ticks since the boot. */
  started: number;
}

/** For how many times its own duration one look at /proc serves: looking must not slow down what it looks at. */
const FRESH = 10;

let table: { until: number; processes: Process[] } = { until: -Infinity, processes: [] };

/** The mark of each process that has one, by process: an environment does not change while a program runs. */
const marks = new Map<string, string>();

/** The processes that a program consists of. */
export class Family {
  /** Every process that was one of them: by its number alone, a process that came later could be taken for one. */
  private readonly known = new Set<string>();

  /** @param root the first of them, which has just been started */
  constructor(
    root: number,
    private readonly mark: string,
  ) {
    for (const each of attempt(() => readProcess(String(root)))) this.known.add(key(each));
  }

  /** Those that live: descendants of known ones, members of their process groups, and all that carry the mark. */
  living(look: 'new' | 'recent' = 'new'): number[] {
    if (look === 'new') table.until = -Infinity;
    const processes = living();
    const members = new Set(processes.filter((each) => this.known.has(key(each))).map(({ pid }) => pid));
    for (let before = -1; before < members.size;) {
      before = members.size;
      for (const each of processes) {
        if (members.has(each.parent) || members.has(each.group) || markOf(each) === this.mark) {
          members.add(each.pid);
          this.known.add(key(each));
        }
      }
    }
    return [...members];
  }
}

/** The living processes of all programs that a check started: their marks begin with the check's own. */
export function families(check: string): number[] {
  table.until = -Infinity;
  return living()
    .filter((each) => markOf(each)?.startsWith(check))
    .map(({ pid }) => pid);
}

const key = ({ pid, started }: Process) => `${pid} ${started}`;

function living(): Process[] {
  const began = performance.now();
  if (began > table.until) {
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => attempt(() => readProcess(pid)));
    const now = performance.now();
    table = { until: now + FRESH * (now - began), processes };
  }
  return table.processes;
}

function readProcess(pid: string): Process[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the command's name in parentheses, which may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group] = fields;
  // A zombie holds no port and takes no signal: its parent has yet to ask for its status.
  if (state === 'Z' || state === 'X') return [];
  return [{ pid: Number(pid), parent: Number(parent), group: Number(group), started: Number(fields[19]) }];
}

function markOf(process: Process): string | undefined {
  const { pid } = process;
  if (!marks.has(key(process))) {
    const [environment = ''] = attempt(() => [readFileSync(`/proc/${pid}/environ`, 'latin1')]);
    const variable = environment.split('\0').find((each) => each.startsWith(`${MARK}=`));
    // Without a mark it may still get one: between fork and exec a process has the environment of its parent.
    if (variable === undefined) return undefined;
    marks.set(key(process), variable.slice(MARK.length + 1));
  }
  return marks.get(key(process));
}
