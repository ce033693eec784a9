import { readFileSync } from 'node:fs';

/** The commands that the README has below a heading. */
export function linesOf(heading: string): string {
  const [, section] = new RegExp(`^#+ ${heading}\n([^]*?)(?=^#)`, 'm').exec(readFileSync('README.md', 'utf8'))!;
  return /^```sh\n([^]*?)^```$/m.exec(section!)![1]!;
}

/** The code that the README has for a file, which its first line names. */
export function codeFor(file: string): string {
  const [, code] = new RegExp(`^\`\`\`ts\n// ${file}\\b.*\n([^]*?)^\`\`\`$`, 'm').exec(
    readFileSync('README.md', 'utf8'),
  )!;
  return code!;
}
