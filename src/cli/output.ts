/** What commands print with: plain text, tables, errors, a question. */
import { createInterface } from 'node:readline/promises';
import { inspect, styleText } from 'node:util';
import CliTable from 'cli-table3';
import { type Issue, TandemError } from '#src/std/errors.ts';

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

const noBorders = Object.fromEntries(
  'top,top-mid,top-left,top-right,bottom,bottom-mid,bottom-left,bottom-right,left,left-mid,mid,mid-mid,right,right-mid'
    .split(',')
    .map((part) => [part, '']),
);

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const output = new CliTable({
    head: head.map((title) => styleText('dim', title)),
    chars: { ...noBorders, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  output.push(...rows.map((row) => [...row]));
  return output
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** One line an issue, and what to do about it below; `write` is given lines. */
export function printIssues(issues: readonly Issue[], write: (line: string) => void): void {
  for (const issue of issues) for (const line of issueLines(issue)) write(`  ${line}`);
}

/** What is worth knowing but refuses nothing; to the error stream, so that `--json` output stays whole. */
export function printWarnings(warnings: readonly Issue[]): void {
  for (const issue of warnings) {
    const [first = '', ...rest] = issueLines(issue);
    writeError(`${style('yellow', 'warning')} ${first}`);
    for (const line of rest) writeError(`  ${line}`);
  }
}

function issueLines({ path, line, message, hint }: Issue): readonly string[] {
  const where = style('bold', visible(path)) + (line === undefined ? '' : style('dim', ` (line ${line})`));
  const hints = hint === undefined ? [] : visible(hint).split('\n');
  return [`${where}: ${visible(message)}`, ...hints.map((text) => `  ${style('dim', text)}`)];
}

/** Names and values come from files: what would steer the terminal is shown as an escape. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) =>
    character === '\n' ? character : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

function writeError(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Errors go to the error stream, whose colours do not depend on where the output goes. */
function style(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, { stream: process.stderr });
}

/** Prints an error as a user should meet it, and returns the exit code (docs/errors.md). */
export function reportError(error: unknown, verbose: boolean): number {
  if (error instanceof TandemError) {
    writeError(`${style('red', 'error')} ${visible(error.message)}`);
    printIssues(error.issues, writeError);
    if (error.hint !== undefined) writeError(visible(error.hint));
    if (verbose) writeError(`code: ${error.code}\n${inspect(error)}`);
    return error.exitCode;
  }
  const text = error instanceof Error ? error.message : String(error);
  writeError(`${style('red', 'bug')} Tandem met something that it did not expect: ${visible(text)}`);
  if (verbose) writeError(inspect(error));
  else writeError('Please report it with what the same command prints with --verbose.');
  return 70;
}

/** Asks for `word` to be typed; anything else, or no terminal, refuses. */
export async function confirm(what: string, word: string): Promise<void> {
  const refusal = (hint: string) =>
    new TandemError('not-confirmed', 'Nothing was changed.', { kind: 'input', hint });
  if (!process.stdin.isTTY) throw refusal(`${what} Without a terminal, say so with --yes.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${what}\nType '${word}' to go on: `);
  terminal.close();
  if (answer.trim() !== word) throw refusal(`'${answer.trim()}' is not '${word}'.`);
}
