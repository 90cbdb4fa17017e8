/** Programs of the machine: argument arrays, bounded in time, never through a shell. */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { TandemError } from '#src/std/errors.ts';
import type { CommandInput, CommandResult } from '../host-driver.ts';

export interface CommandOptions {
  readonly timeoutMs?: number;
  readonly input?: CommandInput;
}

const defaultTimeoutMs = 60_000;

/** Exit code 127: the program is not there; 124: it took too long and was killed with everything it started. */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((done) => {
    const [program = '', ...words] = argv;
    const { timeoutMs = defaultTimeoutMs, input } = options;
    const child = spawn(program, words, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let isLate = false;
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      stdout += part;
    });
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      stderr += part;
    });
    const timer = setTimeout(() => {
      isLate = true;
      if (child.pid !== undefined) killGroup(child.pid);
      // What left the group may hold the pipes; it must not hold this command.
      child.stdout.destroy();
      child.stderr.destroy();
    }, timeoutMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      done({ code: 127, stdout, stderr: `${program}: ${error.message}` });
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const late = isLate ? `\n${program}: no end within ${timeoutMs} ms` : '';
      done({ code: isLate ? 124 : (code ?? (signal === null ? 255 : 137)), stdout, stderr: stderr + late });
    });
    // A program may end without reading its input.
    child.stdin.on('error', () => undefined);
    if (input instanceof Readable) input.once('error', () => child.kill('SIGKILL')).pipe(child.stdin);
    else child.stdin.end(input ?? '');
  });
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
