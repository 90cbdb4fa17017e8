/** Which replica answers a read, if any may. */
import type { Choice } from './choose.ts';
import {
  type Fitness,
  type Freshness,
  fitness,
  joinFreshness,
  printPosition,
  settle,
  withStamp,
} from './freshness.ts';
import type { ChoiceLimits, Member } from './member.ts';
import type { Reason } from './reason.ts';
import type { ConsistencyLevel } from './statement.ts';

export interface ReadDemand {
  readonly own: Freshness;
  readonly shared: Freshness;
  /** The replica of the session's last read. */
  readonly readFrom: string | undefined;
  readonly level: ConsistencyLevel;
  readonly members: readonly Member[];
  readonly limits: ChoiceLimits;
  readonly beganMs: number;
  readonly spread: number;
}

/** A replica, or why none. */
export function chooseReplica(demand: ReadDemand): Choice | { readonly reason: Reason } {
  const candidates = demand.members.filter((member) => isCandidate(member, demand.limits));
  if (candidates.length === 0) return { reason: 'no replica' };
  if (demand.level === 'eventual') {
    const member = least(candidates, demand)?.name;
    return member === undefined
      ? { reason: 'no replica' }
      : { to: 'replica', member, reason: 'within the lag bound' };
  }
  const required = requirement(demand);
  if (required === undefined) return { reason: 'no position since' };
  const fit = candidates.filter((member) => fitness(required, member) === 'fresh');
  const chosen = least(fit, demand);
  if (chosen !== undefined) {
    const same = chosen.name === demand.readFrom;
    return { to: 'replica', member: chosen.name, reason: same ? 'same replica' : 'fresh replica' };
  }
  return waiting(candidates, required, demand) ?? { reason: why(candidates, required) };
}

/** Up, known to be within the lag bound, and given a share of the reads. */
function isCandidate(member: Member, limits: ChoiceLimits): boolean {
  return (
    member.role === 'replica' &&
    member.state === 'up' &&
    member.weight > 0 &&
    member.lagMs !== undefined &&
    member.lagMs <= limits.maxLagMs
  );
}

/** What the read must see; undefined when that isn't known yet (`global`, and the primary not asked since). */
function requirement(demand: ReadDemand): Freshness | undefined {
  const { own, shared, level, members, beganMs } = demand;
  const joined = settle(level === 'session' ? own : joinFreshness(own, shared), members);
  if (level !== 'global') return joined;
  let newest: Member | undefined;
  for (const member of members) {
    if (member.role === 'primary' && (newest === undefined || member.epoch > newest.epoch)) newest = member;
  }
  if (newest?.logged === undefined || newest.askedMs < beganMs) return undefined;
  return withStamp(joined, { epoch: newest.epoch, position: newest.logged });
}

/** Least outstanding for its weight; ties go to the replica of the last read, then by `spread`. */
function least(members: readonly Member[], { readFrom, spread }: ReadDemand): Member | undefined {
  let best: Member | undefined;
  let bestLoad = Number.POSITIVE_INFINITY;
  for (let index = 0; index < members.length; index++) {
    const member = members[(index + Math.abs(spread)) % members.length];
    if (member === undefined) continue;
    const load = (member.outstanding + 1) / member.weight;
    if (load < bestLoad || (load === bestLoad && member.name === readFrom)) {
      best = member;
      bestLoad = load;
    }
  }
  return best;
}

/** A replica that will have the position sooner than the primary could answer. */
function waiting(
  candidates: readonly Member[],
  required: Freshness,
  { limits }: ReadDemand,
): Choice | undefined {
  const { atLeast } = required;
  if (atLeast === undefined || limits.maxWaitMs <= 0) return undefined;
  let best: Member | undefined;
  let bestMs = Math.min(limits.maxWaitMs, limits.primaryDelayMs);
  for (const member of candidates) {
    if (member.epoch < atLeast.epoch || member.applyDelayMs === undefined) continue;
    if (fitness(required, member) !== 'not applied yet' || member.applyDelayMs >= bestMs) continue;
    best = member;
    bestMs = member.applyDelayMs;
  }
  if (best === undefined) return undefined;
  const wait = { position: printPosition(atLeast.position), limitMs: limits.maxWaitMs };
  return { to: 'replica', member: best.name, reason: 'wait for replica', wait };
}

function why(candidates: readonly Member[], required: Freshness): Fitness & Reason {
  const known = candidates.some((member) => fitness(required, member) === 'not applied yet');
  return known ? 'not applied yet' : 'position unknown';
}
