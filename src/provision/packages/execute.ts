import { execFile } from 'node:child_process';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; rejects when it can not be started, and on an exit code other than 0 unless `mayFail`. */
export function execute(
  program: string,
  words: readonly string[],
  options: { environment?: Readonly<Record<string, string>>; mayFail?: boolean } = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const settings = { env: { ...process.env, ...options.environment }, maxBuffer: 64 * 1_048_576 };
    execFile(program, [...words], settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      // A string is the reason why it could not be started; null stands for a signal.
      const number = code ?? 255;
      if (typeof number === 'number' && (number === 0 || options.mayFail))
        resolve({ code: number, stdout, stderr });
      else reject(error);
    });
  });
}
