/** What became of a case. */
export interface Result {
  requests?: number;
  lost?: number;
  /** By what came in place of the answer. */
  losses?: Record<string, number>;
  faults: string[];
}

/** As the Test Anything Protocol has it, https://testanything.org/tap-version-14-specification.html. */
export function tap(results: Record<string, Result>): string {
  const lines = ['TAP version 14', `1..${Object.keys(results).length}`];
  for (const [index, [title, { requests, lost, losses = {}, faults }]] of Object.entries(results).entries()) {
    const figures = requests === undefined ? '' : `: ${requests} requests, ${lost} lost`;
    lines.push(`${faults.length > 0 ? 'not ' : ''}ok ${index + 1} - ${title}${figures}`);
    if (faults.length === 0) continue;
    // YAML, as JSON is.
    lines.push('  ---', `  faults: ${JSON.stringify(faults)}`, `  losses: ${JSON.stringify(losses)}`, '  ...');
  }
  return `${lines.join('\n')}\n`;
}
