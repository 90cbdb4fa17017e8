/** What becomes of a program that was started: how it ended, and what it wrote until then. */
import type { ChildProcess } from 'node:child_process';
import { Readable } from 'node:stream';

/** Standard input of a program: text, bytes, or a stream of bytes. */
export type ProgramInput = string | Uint8Array | Readable;

export interface Ending {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly isLate: boolean;
}

export interface EndingOptions {
  readonly input?: ProgramInput | undefined;
  readonly timeoutMs: number;
  /** Ends the program when that time is over. */
  readonly onLate: () => void;
  /** How much of the end of each output is kept, in characters. Default: all. */
  readonly keep?: number;
}

/** Feeds a program that was started with pipes, and waits until it and they are closed. Rejects when it can't be started. */
export function endingOf(child: ChildProcess, options: EndingOptions): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const { input, timeoutMs, onLate, keep = Number.POSITIVE_INFINITY } = options;
    let stdout = '';
    let stderr = '';
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      onLate();
    }, timeoutMs);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-keep);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-keep);
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr, isLate });
    });
    if (child.stdin === null) return;
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on('error', () => undefined);
    if (input instanceof Readable) input.once('error', () => child.kill('SIGKILL')).pipe(child.stdin);
    else child.stdin.end(input ?? '');
  });
}

/** What the program left behind may hold its pipes; it must not hold whoever waits for the program. */
export function dropPipes(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
}
