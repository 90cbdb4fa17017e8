/** What the router knows of the members, as input of `chooseBackend`. */
import type { Sample } from './freshness.ts';

export interface Member extends Sample {
  /** `unknown` is not healthy; `draining` finishes what it has and gets nothing new. */
  readonly state: 'up' | 'draining' | 'down' | 'unknown';
  /** How far a replica is behind, in milliseconds; undefined when that isn't known. */
  readonly lagMs: number | undefined;
  /** Usual time from a commit on the primary until this replica shows it, in milliseconds; undefined: not known. */
  readonly applyDelayMs: number | undefined;
  /** Share of the reads among replicas; 0 gets none. */
  readonly weight: number;
  /** Statements sent and not answered. */
  readonly outstanding: number;
}

export interface ChoiceLimits {
  /** A replica further behind than this gets no reads, whatever the consistency. */
  readonly maxLagMs: number;
  /** The longest wait on a replica for a position; 0 for none. */
  readonly maxWaitMs: number;
  /** How long a statement waits at the primary before it runs, in milliseconds. */
  readonly primaryDelayMs: number;
}
