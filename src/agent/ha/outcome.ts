/** What an effect comes back with. */
import type { Done } from '#src/ha/state.ts';

export type Outcome = Pick<Done, 'outcome'> &
  Partial<Pick<Done, 'lease' | 'cluster' | 'database' | 'revision'>> & {
    /** Why it isn't `ok`, for the log. */
    readonly reason?: string;
  };

/** Runs to its end: `refused` when it throws, because whoever throws here says that it certainly did not happen. */
export async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    await work();
    return { outcome: 'ok' };
  } catch (error) {
    if (error instanceof UnknownOutcome) return { outcome: 'unknown', reason: error.message };
    return { outcome: 'refused', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** It certainly did not happen, and why. */
export class Refused extends Error {}

/** It may have happened, may happen later, or never. */
export class UnknownOutcome extends Error {}
