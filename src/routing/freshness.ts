/**
 * What a read must see, as positions that carry their epoch. Sequence numbers of two epochs are only comparable
 * upwards: whatever was acknowledged in an older epoch is part of every newer one, never the reverse.
 *
 * `gtid_slave_pos` moves after the rows can be read and `gtid_binlog_pos` before (docs/mariadb-behaviour.md): the first
 * says what a member certainly shows, the second what it can have shown at most.
 */

/** One transaction; the same shape as in src/gtid. */
export interface Gtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: number;
}

export type Position = readonly Gtid[];

export interface Stamp {
  readonly epoch: number;
  readonly position: Position;
}

/**
 * Something was seen on a member, or written with an unknown position, at a time when that member's position wasn't
 * known. A sample of its `gtid_binlog_pos` asked for later is an upper bound and turns this into a stamp.
 */
export interface Pending {
  readonly member: string;
  readonly epoch: number;
  /** When it ended, by the router's monotonic clock, in milliseconds. */
  readonly endedMs: number;
}

export interface Freshness {
  readonly atLeast: Stamp | undefined;
  /** At most one for each member and epoch. */
  readonly pending: readonly Pending[];
}

/** A member's positions as they were asked for; undefined when they are unknown, which is never "nothing". */
export interface Sample {
  readonly name: string;
  readonly role: 'primary' | 'replica';
  /** The epoch of the history that it follows. */
  readonly epoch: number;
  /** A replica's `gtid_slave_pos`. */
  readonly applied: Position | undefined;
  /** `gtid_binlog_pos`. */
  readonly logged: Position | undefined;
  /** The router's monotonic clock before the question was sent, in milliseconds. */
  readonly askedMs: number;
}

export const nothingSeen: Freshness = Object.freeze({ atLeast: undefined, pending: Object.freeze([]) });

/** Per domain the further transaction. */
function further(a: Position, b: Position): Position {
  const result = [...a];
  for (const gtid of b) {
    const index = result.findIndex((own) => own.domain === gtid.domain);
    const own = result[index];
    if (own === undefined) result.push(gtid);
    else if (own.sequence < gtid.sequence) result[index] = gtid;
  }
  return result;
}

/** Whether `position` has reached `other` in every domain. */
function reached(position: Position, other: Position): boolean {
  for (const gtid of other) {
    const own = position.find((candidate) => candidate.domain === gtid.domain);
    if (gtid.sequence > 0 && (own === undefined || own.sequence < gtid.sequence)) return false;
  }
  return true;
}

/** Both together, in the newer epoch. */
export function joinStamps(a: Stamp | undefined, b: Stamp | undefined): Stamp | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return { epoch: Math.max(a.epoch, b.epoch), position: further(a.position, b.position) };
}

/** The session (or host) wrote, or saw, what `stamp` holds. */
export function withStamp(freshness: Freshness, stamp: Stamp): Freshness {
  return { ...freshness, atLeast: joinStamps(freshness.atLeast, stamp) };
}

/**
 * A write on the primary was answered with its position. Everything seen there before is part of it, so what was
 * pending on that member is settled.
 */
export function afterWrite(freshness: Freshness, member: string, stamp: Stamp): Freshness {
  const pending = freshness.pending.filter((entry) => entry.member !== member || entry.epoch > stamp.epoch);
  return { atLeast: joinStamps(freshness.atLeast, stamp), pending };
}

/** A read on a member ended, or a write on the primary whose position isn't known. The later of two holds for both. */
export function withPending(freshness: Freshness, pending: Pending): Freshness {
  const index = freshness.pending.findIndex(
    (entry) => entry.member === pending.member && entry.epoch === pending.epoch,
  );
  const own = freshness.pending[index];
  if (own === undefined) return { ...freshness, pending: [...freshness.pending, pending] };
  if (own.endedMs >= pending.endedMs) return freshness;
  return { ...freshness, pending: freshness.pending.with(index, pending) };
}

/** What both demand. */
export function joinFreshness(a: Freshness, b: Freshness): Freshness {
  if (a === nothingSeen) return b;
  if (b === nothingSeen) return a;
  const joined: Freshness = { atLeast: joinStamps(a.atLeast, b.atLeast), pending: a.pending };
  return b.pending.reduce(withPending, joined);
}

/** The stamp that a pending entry became by a later sample of its member, or of any primary since. */
function settled(pending: Pending, samples: readonly Sample[]): Stamp | undefined {
  for (const sample of samples) {
    const tells = sample.name === pending.member || sample.role === 'primary';
    if (!tells || sample.logged === undefined) continue;
    if (sample.askedMs < pending.endedMs || sample.epoch < pending.epoch) continue;
    return { epoch: sample.epoch, position: sample.logged };
  }
  return undefined;
}

/** Replaces pending entries by positions where the samples allow it. The same object when they don't. */
export function settle(freshness: Freshness, samples: readonly Sample[]): Freshness {
  let atLeast = freshness.atLeast;
  const pending: Pending[] = [];
  for (const entry of freshness.pending) {
    const stamp = settled(entry, samples);
    if (stamp === undefined) pending.push(entry);
    else atLeast = joinStamps(atLeast, stamp);
  }
  return pending.length === freshness.pending.length ? freshness : { atLeast, pending };
}

export type Fitness = 'fresh' | 'not applied yet' | 'position unknown';

/**
 * Whether a replica shows all that `freshness` (settled before) demands. What is pending on the replica itself holds
 * by itself, for a member never goes back within an epoch; what is pending elsewhere isn't known as a position.
 */
export function fitness(freshness: Freshness, sample: Sample): Fitness {
  for (const entry of freshness.pending) {
    if (entry.member !== sample.name || entry.epoch !== sample.epoch) return 'position unknown';
  }
  const { atLeast } = freshness;
  if (atLeast === undefined) return 'fresh';
  if (sample.applied === undefined) return 'position unknown';
  if (sample.epoch < atLeast.epoch) return 'not applied yet';
  return reached(sample.applied, atLeast.position) ? 'fresh' : 'not applied yet';
}

/** A position as MASTER_GTID_WAIT reads it. */
export function printPosition(position: Position): string {
  return position.map((gtid) => `${gtid.domain}-${gtid.server}-${gtid.sequence}`).join(',');
}
