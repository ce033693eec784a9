/** Where each clause is explained, under its own id. */
const DOCUMENTATION = 'https://github.com/example/port-binding-service/blob/main/docs/check.md';

/** One thing that platforms ask of a service. */
export interface Clause {
  id: string;
  /** Says what a service does that keeps the clause. */
  title: string;
  /** Says what a platform does to a service that does not. */
  consequence: string;
  /** Says what to change. */
  remedy: string;
}

/** `not promised` is no fault: the clause is optional, or the service never said that it keeps it. */
export type Outcome = 'holds' | 'fails' | 'not promised' | 'not checked';

export interface Result {
  clause: Clause;
  outcome: Outcome;
  /** The observation, in a few words. */
  seen: string;
  /** One line per case, where there are several. */
  details: string[];
}

export function result(clause: Clause, outcome: Outcome, seen: string, details: string[] = []): Result {
  return { clause, outcome, seen, details };
}

/** The outcome of a clause for which all that counts is whether it holds. */
export function judge(clause: Clause, holds: boolean, seen: string, details: string[] = []): Result {
  return result(clause, holds ? 'holds' : 'fails', seen, details);
}

export function link({ id }: Clause): string {
  return `${DOCUMENTATION}#${id}`;
}
