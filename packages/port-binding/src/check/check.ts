import { binding, DEFAULT_PORT, GIVEN_PORT, IPV4, IPV6, PORT_ZERO, TIME_TO_LISTEN } from './clauses/binding.js';
import {
  ending,
  endingAtStart,
  ENDS_IN_TIME,
  NOT_READY,
  REACHES_PROGRAM,
  SERVES_ON,
  SIGTERM_AT_START,
  SLOW_REQUEST,
  STATUS_ZERO,
  TELLS_TO_CLOSE,
  UPLOAD,
} from './clauses/ending.js';
import { instances, TWENTY_INSTANCES, TWO_INSTANCES } from './clauses/instances.js';
import { BAD_PORT, refusals, TAKEN_PORT } from './clauses/refusals.js';
import { ROLLING_DEPLOY, rollingDeploy } from './clauses/rolling-deploy.js';
import { type Clause, type Result, judge, result } from './clause.js';
import { type Subject, NotServing } from './subject.js';

type Group = [run: (subject: Subject) => AsyncGenerator<Result>, clauses: Clause[]];

/** Every clause, with the function that checks it. The first group measures what the others need. */
const GROUPS: Group[] = [
  [binding, [GIVEN_PORT, IPV4, IPV6, TIME_TO_LISTEN, DEFAULT_PORT, PORT_ZERO]],
  [instances, [TWO_INSTANCES, TWENTY_INSTANCES]],
  [refusals, [BAD_PORT, TAKEN_PORT]],
  [ending, [NOT_READY, SERVES_ON, TELLS_TO_CLOSE, SLOW_REQUEST, UPLOAD, ENDS_IN_TIME, STATUS_ZERO, REACHES_PROGRAM]],
  [endingAtStart, [SIGTERM_AT_START]],
  [rollingDeploy, [ROLLING_DEPLOY]],
];

export const CLAUSES = GROUPS.flatMap(([, clauses]) => clauses);

/** Checks every clause, one after another, and ends every program that this took. */
export async function* check(subject: Subject): AsyncGenerator<Result> {
  /** Why the program does not start, if it does not: nothing else can be checked then. */
  let obstacle: string | undefined;
  for (const [run, clauses] of GROUPS) {
    const left = new Set(clauses);
    try {
      if (obstacle === undefined) {
        for await (const each of run(subject)) {
          left.delete(each.clause);
          yield each;
        }
      }
    } catch (error) {
      if (!(error instanceof NotServing)) throw error;
      obstacle = error.message;
    } finally {
      await subject.killAll();
    }
    for (const clause of left) {
      yield clause === GIVEN_PORT
        ? judge(clause, false, obstacle!)
        : result(clause, 'not checked', `the program does not start: ${obstacle}`);
    }
  }
}
