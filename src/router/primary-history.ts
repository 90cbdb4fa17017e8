/** Where the primary was, and when it was asked: tells since when a replica lacks something. */
import type { Position } from '#src/gtid/position.ts';
import { fitness, type Sample } from '#src/routing/freshness.ts';

export interface PrimarySample {
  /** The router's monotonic clock before the question was sent, in milliseconds. */
  readonly askedMs: number;
  readonly epoch: number;
  readonly logged: Position;
}

const limit = 256;
/** Samples of about the same age say about the same: one in this part of the age is kept. */
const keptPerAge = 8;

/**
 * Reaches back without end in bounded space, because the older a sample is, the further apart its neighbours may be: a
 * replica that stopped long ago must not look like one that is behind by as much as a list of the latest holds.
 */
export class PrimaryHistory {
  /** Ascending. */
  #samples: PrimarySample[] = [];

  get size(): number {
    return this.#samples.length;
  }

  remember(sample: PrimarySample): void {
    this.#samples.push(sample);
    if (this.#samples.length > limit) this.#samples = thinned(this.#samples, sample.askedMs);
  }

  /**
   * How long the replica has lacked something that the primary had, in milliseconds, at most a quarter too short; 0 when
   * it lacks nothing, undefined when the primary wasn't asked in this epoch.
   */
  lag(replica: Sample, nowMs: number, epoch: number): number | undefined {
    if (this.#samples.at(-1)?.epoch !== epoch) return undefined;
    let behindSinceMs: number | undefined;
    for (let index = this.#samples.length - 1; index >= 0; index--) {
      const { askedMs, epoch: then, logged } = this.#samples[index] as PrimarySample;
      if (fitness({ atLeast: { epoch: then, position: logged }, pending: [] }, replica) === 'fresh') break;
      behindSinceMs = askedMs;
    }
    return behindSinceMs === undefined ? 0 : nowMs - behindSinceMs;
  }
}

function thinned(samples: readonly PrimarySample[], nowMs: number): PrimarySample[] {
  let nextMs = Number.POSITIVE_INFINITY;
  const kept = samples.toReversed().filter(({ askedMs }) => {
    if (nextMs - askedMs < (nowMs - askedMs) / keptPerAge) return false;
    nextMs = askedMs;
    return true;
  });
  return kept.reverse();
}
