import { isUtf8 } from 'node:buffer';
import { getDefaultParser } from '@nestjs/config';
import { StartupError } from 'port-binding';

const parse = getDefaultParser();

/**
 * Parses a `.env` file and drops each variable that is set to nothing, so that it cannot hide the one in another file.
 *
 * @throws {StartupError} when the file is not UTF-8 text. The parser would silently find no variables in it.
 */
export function parseEnvFile(file: Buffer): Record<string, string> {
  if (!isUtf8(file) || file.includes(0)) {
    throw new StartupError(
      'Cannot read the .env file: it must be UTF-8 text without NUL bytes (the > of Windows PowerShell writes UTF-16).',
    );
  }
  return Object.fromEntries(Object.entries(parse(file)).filter(([, value]) => value !== ''));
}

/** The known name that is nearest to the given one, if a typing error can explain the difference. */
export function nearest(given: string, known: string[]): string | undefined {
  const name = given.toUpperCase();
  const [found] = known
    .map((each) => ({ each, errors: typingErrors(name, each) }))
    // One error per four letters.
    .filter(({ each, errors }) => errors <= each.length / 4)
    .toSorted((a, b) => a.errors - b.errors);
  return found?.each;
}

/** How many letters are missing, added, replaced or swapped with their neighbour (optimal string alignment distance). */
function typingErrors(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : Infinity;
      row.push(Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, replaced, swapped));
    }
    rows.push(row);
  }
  return rows.at(-1)!.at(-1)!;
}
