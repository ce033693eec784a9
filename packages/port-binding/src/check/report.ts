import { styleText } from 'node:util';
import { type Outcome, type Result, link } from './clause.js';

const MARKS: Record<Outcome, { mark: string; colour: Parameters<typeof styleText>[0] }> = {
  holds: { mark: '✔', colour: 'green' },
  fails: { mark: '✖', colour: 'red' },
  'not promised': { mark: '–', colour: 'yellow' },
  'not checked': { mark: '?', colour: 'gray' },
};

/** The exit status of the check: 1 if a clause fails. */
export function status(results: Result[]): number {
  return results.some(({ outcome }) => outcome === 'fails') ? 1 : 0;
}

/** One clause in one line. */
export function line({ clause, outcome, seen }: Result, colours: boolean): string {
  const { mark, colour } = MARKS[outcome];
  const note = outcome === 'holds' || outcome === 'fails' ? seen : `${outcome}: ${seen}`;
  const painted = colours ? styleText(colour, mark) : mark;
  return `${painted} ${clause.title}\n    ${colours ? styleText('gray', note) : note}`;
}

/** For a person: what fails, what the platform does then, and what to change. */
export function summary(results: Result[], colours: boolean): string {
  const failed = results.filter(({ outcome }) => outcome === 'fails');
  const count = (outcome: Outcome) => results.filter((each) => each.outcome === outcome).length;
  const counts = [
    `${count('holds')} of ${results.length} clauses hold`,
    `${failed.length} fail`,
    ...(['not promised', 'not checked'] as const).flatMap((outcome) =>
      count(outcome) > 0 ? [`${count(outcome)} ${outcome}`] : [],
    ),
  ].join(', ');
  const bold = (text: string) => (colours ? styleText('bold', text) : text);
  const parts = failed.map(({ clause, seen, details }) =>
    [
      bold(`✖ ${clause.title}`),
      `  Seen: ${seen}`,
      ...details.map((detail) => `    ${detail}`),
      `  The platform: ${clause.consequence}`,
      `  Change: ${clause.remedy}`,
      `  More: ${link(clause)}`,
    ].join('\n'),
  );
  return [bold(`${counts}.`), ...parts].join('\n\n');
}

/** The Test Anything Protocol, version 14 (https://testanything.org/tap-version-14-specification.html). */
export function tap(results: Result[]): string {
  const points = results.flatMap(({ clause, outcome, seen, details }, index) => {
    const skipped = outcome === 'not promised' || outcome === 'not checked';
    const point = `${outcome === 'fails' ? 'not ok' : 'ok'} ${index + 1} - ${escaped(`${clause.id}: ${clause.title}`)}`;
    const fields = Object.entries({
      seen,
      ...(details.length > 0 && { details }),
      ...(outcome === 'fails' && {
        platform: clause.consequence,
        change: clause.remedy,
        more: link(clause),
      }),
    });
    return [
      skipped ? `${point} # SKIP ${outcome}: ${escaped(seen)}` : point,
      '  ---',
      // JSON is YAML.
      ...fields.map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
      '  ...',
    ];
  });
  return ['TAP version 14', `1..${results.length}`, ...points].join('\n');
}

export function json(command: string, results: Result[]): string {
  const clauses = results.map(({ clause: { id, title, consequence, remedy }, outcome, seen, details }) => ({
    id,
    title,
    outcome,
    seen,
    details,
    ...(outcome === 'fails' && {
      platform: consequence,
      change: remedy,
      more: link({ id, title, consequence, remedy }),
    }),
  }));
  return JSON.stringify({ command, holds: status(results) === 0, clauses }, undefined, 2);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\#]/g, '\\$&').replaceAll('\n', ' ');
}
