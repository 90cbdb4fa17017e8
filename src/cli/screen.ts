/** A text that is shown again and again in place, until Ctrl-C; where there is no terminal, one below the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TandemError } from '#src/std/errors.ts';

const toStart = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';
const alternateScreen = '\u001b[?1049h\u001b[?25l';
const usualScreen = '\u001b[?25h\u001b[?1049l';

export interface ScreenOptions {
  readonly intervalMs: number;
  /** Makes the next text. An error is shown in its place, and it is tried again. */
  readonly next: () => Promise<string>;
}

/** Seconds as a user gives them, in milliseconds. Throws for what is none. */
export function parseInterval(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.2 && seconds <= 3_600) return Math.round(seconds * 1_000);
  throw new TandemError('bad-interval', `--interval ${text} is no number of seconds.`, {
    kind: 'input',
    hint: 'Write a number from 0.2 to 3600, such as 2.',
  });
}

/** Fulfils after Ctrl-C. */
export async function watchScreen({ intervalMs, next }: ScreenOptions): Promise<void> {
  const { stdout } = process;
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  if (stdout.isTTY) stdout.write(alternateScreen);
  try {
    while (!stop.signal.aborted) {
      const text = await next().catch((error: Error) => `error ${error.message}`);
      if (!stop.signal.aborted) stdout.write(stdout.isTTY ? inPlace(text, stdout.rows) : `${text}\n\n`);
      await sleep(intervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    if (stdout.isTTY) stdout.write(usualScreen);
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
  }
}

/** Written over what was there, so that nothing flickers; what does not fit is left out. */
function inPlace(text: string, rows: number): string {
  const lines = text.split('\n').slice(0, Math.max(1, rows - 1));
  return `${toStart}${lines.map((line) => `${line}${clearLine}`).join('\n')}\n${clearBelow}`;
}
