/** Programs of the machine: argument arrays, bounded in time, never through a shell. */
import { spawn } from 'node:child_process';
import { dropPipes, endingOf, type ProgramInput } from '#src/adapters/process/ending.ts';
import { TandemError } from '#src/std/errors.ts';
import type { CommandResult } from '../host-driver.ts';

export interface CommandOptions {
  readonly timeoutMs?: number;
  readonly input?: ProgramInput;
}

const defaultTimeoutMs = 60_000;

/** Exit code 127: the program is not there; 124: it took too long and was killed with everything it started. */
export async function runCommand(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const [program = '', ...words] = argv;
  const { timeoutMs = defaultTimeoutMs, input } = options;
  const child = spawn(program, words, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const onLate = () => {
    if (child.pid !== undefined) killGroup(child.pid);
    dropPipes(child);
  };
  try {
    const { code, stdout, stderr, isLate } = await endingOf(child, { input, timeoutMs, onLate });
    if (!isLate) return { code: code ?? 137, stdout, stderr };
    return { code: 124, stdout, stderr: `${stderr}\n${program}: no end within ${timeoutMs} ms` };
  } catch (error) {
    return { code: 127, stdout: '', stderr: `${program}: ${(error as Error).message}` };
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** Runs a program that must succeed; gives its standard output. */
export async function expectCommand(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await runCommand(argv, options);
  if (result.code !== 0) throw commandFailed(argv, result);
  return result.stdout;
}

export function commandFailed(argv: readonly string[], result: CommandResult): TandemError {
  const last = `${result.stderr}\n${result.stdout}`.trim().split('\n').slice(-5);
  return new TandemError('command-failed', `'${argv.join(' ')}' ended with code ${result.code}.`, {
    issues: last.filter(Boolean).map((line) => ({ path: argv[0] ?? '', message: line })),
  });
}
