/** Runs a program whose output is too large to keep, and looks at it line by line. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { start } from './run.ts';

/** Rejects when the program fails, or does not end in `timeoutMs`, or `onLine` throws; it is killed then. */
export async function forEachLine(
  command: readonly string[],
  options: { readonly timeoutMs: number; readonly onLine: (line: string) => void },
): Promise<void> {
  const child = start(command);
  child.stdin?.end();
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2_000);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
  const closed = once(child, 'close');
  try {
    if (child.stdout === null) throw new Error(`${command[0]} has no output`);
    for await (const line of createInterface({ input: child.stdout })) options.onLine(line);
    const [code] = (await closed) as [number | null];
    if (code !== 0) throw new Error(`${command[0]} ended with ${code ?? 'a signal'}: ${errors.trim()}`);
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
    // The loser of a throw above is not an unhandled rejection.
    closed.catch(() => undefined);
  }
}
