/** Programs run by tests: argument arrays, bounded in time, their output kept whole. */
import { spawn } from 'node:child_process';

export interface CommandOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Never rejects for an exit code; 255 stands for a program that could not start or was ended by a signal. */
export function command(
  program: string,
  words: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  return new Promise((done) => {
    const child = spawn(program, [...words], {
      stdio: 'pipe',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const { timeoutMs = 600_000 } = options;
    const timer = setTimeout(() => {
      stderr += `\n(ended by the test after ${timeoutMs} ms)`;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      done({ code: 255, stdout, stderr: `${stderr}${error.message}` });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code: code ?? 255, stdout, stderr });
    });
    // A program that ends without reading its input is no failure of the test.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a program that must succeed and gives its standard output. */
export async function expectCommand(
  program: string,
  words: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await command(program, words, options);
  if (result.code !== 0) {
    throw new Error(
      `${program} ${words.join(' ')} ended with ${result.code}: ${result.stdout}${result.stderr}`,
    );
  }
  return result.stdout;
}
