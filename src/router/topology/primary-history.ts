/** Where the primary was, and when it was asked: tells since when a replica lacks something. */
import type { Position } from '#src/gtid/position.ts';
import { fitness, type Sample } from '#src/routing/freshness.ts';

export interface PrimarySample {
  /** The router's monotonic clock before the question was sent, in milliseconds. */
  readonly askedMs: number;
  readonly epoch: number;
  readonly logged: Position;
}

const limit = 512;
/** Neighbours are no further apart than this part of their age. */
const precision = 1 / 8;
/** The primary isn't asked while nobody reads: what a replica lacks after a longer gap may be as old as the gap. */
const gapMs = 2_000;

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
   * How long the replica has lacked something that the primary had, in milliseconds, at most an eighth too short; 0 when
   * it lacks nothing, undefined when the primary wasn't asked in this epoch. `atMost`: what came into being while nobody
   * asked the primary is taken to be as old as it can be.
   */
  lag(replica: Sample, nowMs: number, epoch: number, atMost = false): number | undefined {
    if (this.#samples.at(-1)?.epoch !== epoch) return undefined;
    let behindSinceMs: number | undefined;
    for (let index = this.#samples.length - 1; index >= 0; index--) {
      const { askedMs, epoch: then, logged } = this.#samples[index] as PrimarySample;
      if (fitness({ atLeast: { epoch: then, position: logged }, pending: [] }, replica) === 'fresh') {
        if (atMost && behindSinceMs !== undefined && behindSinceMs - askedMs > gapMs) behindSinceMs = askedMs;
        break;
      }
      behindSinceMs = askedMs;
    }
    return behindSinceMs === undefined ? 0 : nowMs - behindSinceMs;
  }
}

/** Without those whose neighbours on both sides are near enough to each other; the oldest stays. */
function thinned(samples: readonly PrimarySample[], nowMs: number): PrimarySample[] {
  const newestFirst = samples.toReversed();
  let newerMs = Number.POSITIVE_INFINITY;
  const kept = newestFirst.filter(({ askedMs }, index) => {
    const olderMs = newestFirst[index + 1]?.askedMs ?? Number.NEGATIVE_INFINITY;
    if (newerMs - olderMs < (nowMs - askedMs) * precision) return false;
    newerMs = askedMs;
    return true;
  });
  return kept.reverse();
}
