import { readFileSync } from 'node:fs';

/** What tells people how to make a fork. Tests follow it. */
export const GUIDE = readFileSync('docs/forking.md', 'utf8');

/** The commands below a heading. */
export function linesOf(heading: string): string {
  const [, section] = new RegExp(`^#+ ${heading}\n([^]*?)(?=^##|$(?![^]))`, 'm').exec(GUIDE)!;
  return /^```sh\n([^]*?)^```$/m.exec(section!)![1]!;
}

/** The code for a file, which its first line names. */
export function codeFor(file: string): string {
  const [, code] = new RegExp(`^\`\`\`ts\n// ${file}\\b.*\n([^]*?)^\`\`\`$`, 'm').exec(GUIDE)!;
  return code!;
}
