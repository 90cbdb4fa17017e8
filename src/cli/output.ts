/** What commands print with: plain text, tables, errors, a question. */
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
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

export function printIssues(issues: readonly Issue[], write: (line: string) => void): void {
  for (const issue of issues) {
    write(`  ${styleText('bold', issue.path)}: ${issue.message}`);
    if (issue.hint !== undefined) write(`    ${styleText('dim', issue.hint)}`);
  }
}

/** Prints an error as a user should meet it, and returns the exit code. */
export function reportError(error: unknown, verbose: boolean): number {
  const write = (line: string) => process.stderr.write(`${line}\n`);
  if (error instanceof TandemError) {
    write(`${styleText('red', 'error')} ${error.message}`);
    printIssues(error.issues, write);
    if (error.hint !== undefined) write(error.hint);
    if (verbose && error.stack !== undefined) write(error.stack);
    return error.exitCode;
  }
  const text = error instanceof Error ? error.message : String(error);
  write(`${styleText('red', 'bug')} Tandem met something that it did not expect: ${text}`);
  write('Please report it with the output of the same command and --verbose.');
  if (verbose && error instanceof Error) write(error.stack ?? '');
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
