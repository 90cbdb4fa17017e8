/** Runs a program to its end. It is killed when this process dies, so nothing goes on behind a restarted one's back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { endingOf, type ProgramInput } from './ending.ts';

export interface RunOptions {
  readonly input?: ProgramInput;
  readonly timeoutMs?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  /** The end of it. */
  readonly stderr: string;
}

const keepLength = 64 * 1024;

/** Starts the program with its output piped; the caller listens. */
export function start(
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn('setpriv', ['--pdeathsig=KILL', ...command], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      ...environment,
    },
  });
}

/** Resolves whatever the exit code; rejects when the program can't be started, or not in time. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { input, timeoutMs = 60_000 } = options;
  const child = start(command, options.environment);
  const { code, stdout, stderr, isLate } = await endingOf(child, {
    input,
    timeoutMs,
    onLate: () => child.kill('SIGKILL'),
    keep: keepLength,
  });
  if (isLate) throw new Error(`${command[0]}: not done in ${timeoutMs} ms`);
  return { code: code ?? 128, stdout, stderr };
}

/** As `run`, and rejects with the end of the error output when the exit code isn't 0. */
export async function runChecked(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(command, options);
  if (result.code !== 0) {
    const lines = (result.stderr || result.stdout).trim().split('\n').slice(-5).join(' | ');
    throw new Error(`${command[0]} ended with ${result.code}: ${lines}`);
  }
  return result.stdout;
}
