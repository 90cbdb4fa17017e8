/**
 * How long-running work tells what it does: a line per host and step. Written by `src/cli/progress.ts`; the work itself
 * knows nothing of terminals.
 */
export interface Reporter {
  /** Runs `work` as one visible step of `host` ('' for the stack as a whole) and returns its result. */
  step<T>(host: string, title: string, work: () => Promise<T>): Promise<T>;
  /** A line that is worth reading but is no step. */
  note(host: string, text: string): void;
}
