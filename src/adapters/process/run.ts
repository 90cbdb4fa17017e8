/** Runs a program to its end. It is killed when this process dies, so nothing goes on behind a restarted one's back. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface RunOptions {
  /** Text, or a stream that is fed to the program's standard input. */
  readonly input?: string | Readable;
  readonly timeoutMs?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  /** The end of it. */
  readonly stderr: string;
}

const keepBytes = 64 * 1024;

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
export function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = start(command, options.environment);
    let stdout = '';
    let stderr = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 60_000);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-keepBytes);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-keepBytes);
    });
    // A program that ends without reading its input is judged by its exit code.
    child.stdin?.on('error', () => undefined);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      if (late) reject(new Error(`${command[0]}: not done in ${options.timeoutMs} ms`));
      else resolve({ code: code ?? 128, stdout, stderr });
    });
    if (options.input === undefined) child.stdin?.end();
    else if (typeof options.input === 'string') child.stdin?.end(options.input);
    else if (child.stdin !== null) {
      options.input.once('error', () => child.kill('SIGKILL'));
      options.input.pipe(child.stdin);
    }
  });
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
