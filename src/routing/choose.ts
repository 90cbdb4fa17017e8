/** Which connection a statement goes to. Pure: members, times and positions come as values. */
import { chooseInReadOnly } from './choose-in-read-only.ts';
import { chooseReplica, type ReadDemand } from './choose-replica.ts';
import type { Freshness } from './freshness.ts';
import type { ChoiceLimits, Member } from './member.ts';
import { sessionPin } from './pins.ts';
import type { Reason } from './reason.ts';
import type { Resolved } from './resolve.ts';
import { diagnosed, type LastStatement, type SessionState } from './session.ts';
import type { ConsistencyLevel, Statement } from './statement.ts';
import { isUnresolved } from './variables.ts';

export interface ChoiceInput {
  readonly session: SessionState;
  readonly resolved: Resolved;
  readonly members: readonly Member[];
  /** The level of the stack file; the session and hints may say another. */
  readonly level: ConsistencyLevel;
  /** What reads must see beyond the session's own: the writes of its account through this host, or all known ones. */
  readonly shared: Freshness;
  readonly limits: ChoiceLimits;
  /** When the statement arrived, by the router's monotonic clock, in milliseconds. */
  readonly beganMs: number;
  /** Any number that differs between sessions: spreads ties. */
  readonly spread: number;
}

export type Choice =
  /**
   * The primary; `member` undefined: none is known, so the statement is held. `ends`: the READ ONLY transaction on a
   * replica ends with it. `moves`: that transaction is rolled back there and begun again on the primary, which is a
   * `step` of its own, and then the statement runs in it. `beside`: it runs outside the transaction, which goes on.
   */
  | {
      readonly to: 'primary';
      readonly member: string | undefined;
      readonly reason: Reason;
      readonly transaction?: 'ends' | 'moves' | 'beside';
    }
  /** A replica; with `wait`, after MASTER_GTID_WAIT there, and on the primary when that takes longer. */
  | { readonly to: 'replica'; readonly member: string; readonly reason: Reason; readonly wait?: Wait }
  /** The connection of the open transaction. */
  | { readonly to: 'transaction'; readonly member: string; readonly reason: Reason }
  /** The connection that ran the statement before, or any one if that is gone. */
  | {
      readonly to: 'last';
      readonly member: string;
      readonly role: 'primary' | 'replica';
      readonly reason: Reason;
    }
  /** Not sent: the router answers with this error. */
  | { readonly to: 'refuse'; readonly errno: number; readonly reason: Reason };

export interface Wait {
  /** As MASTER_GTID_WAIT reads it. */
  readonly position: string;
  readonly limitMs: number;
}

/** Decides in this order: open transaction, pins, the statement's own needs, hints, consistency. */
export function chooseBackend(input: ChoiceInput): Choice {
  const { session, resolved } = input;
  const { transaction } = session;
  if (transaction !== undefined) {
    if (transaction.role === 'replica') return chooseInReadOnly(input, transaction);
    return { to: 'transaction', member: transaction.member, reason: 'in transaction' };
  }
  if (isUnresolved(session) || sessionPin(session) !== undefined) {
    return toPrimary(input, resolved.target === 'primary' ? resolved.reason : 'pinned');
  }
  const { target, reason } = demanded(input);
  if (target === 'previous') {
    return session.last === undefined ? toPrimary(input, reason) : askLast(input, session.last, reason);
  }
  if (target === 'primary') return toPrimary(input, reason);
  if (resolved.statement.hints.target === 'primary') return toPrimary(input, 'hint');
  const { last } = session;
  if (last !== undefined && leavesDiagnostics(resolved)) return { ...toLast(last, 'diagnostics'), reason };
  if (target === 'any') return chooseAny(input);
  const outcome = chooseReplica(readDemand(input));
  return 'to' in outcome ? outcome : toPrimary(input, outcome.reason);
}

/** Rows were counted by the statement before; its conditions may be those of an earlier one. */
export function toLast(last: LastStatement, reason: Reason): Choice & { readonly to: 'last' } {
  const { member, role } = reason === 'row count' ? last : diagnosed(last);
  return { to: 'last', member, role, reason };
}

/** What reads tables besides asking about the last statement sees what any read must: on that replica now, or on the primary. */
function askLast(input: ChoiceInput, last: LastStatement, reason: Reason): Choice {
  const choice = toLast(last, reason);
  if (choice.role === 'primary' || input.resolved.statement.tables.length === 0) return choice;
  const members = input.members.filter(({ name, role }) => role === 'primary' || name === choice.member);
  // A wait there would be the last statement itself.
  const limits = { ...input.limits, maxWaitMs: 0 };
  const outcome = chooseReplica(readDemand({ ...input, members, limits }));
  return 'to' in outcome ? choice : toPrimary(input, outcome.reason);
}

/** After it SHOW WARNINGS still tells of the statement before: so it runs where that ran. */
function leavesDiagnostics({ target, statement }: Resolved): boolean {
  return (target === 'any' || statement.tableless) && statement.hints.target === undefined;
}

/**
 * START TRANSACTION without an access mode follows the session's default. A READ ONLY transaction of a session that has
 * state on its connection to the primary runs there too, for it may ask for that state.
 */
function demanded({ session, resolved }: ChoiceInput): Pick<Resolved, 'target' | 'reason'> {
  if (resolved.statement.parts !== 1) return resolved;
  const begin = resolved.statement.effects.find((effect) => effect.kind === 'begin');
  if (begin === undefined) return resolved;
  const readOnly = begin.readOnly ?? session.readOnlyDefault;
  if (!readOnly) return resolved;
  if (session.pins.length > 0) return { target: 'primary', reason: 'pinned' };
  return { target: 'replica', reason: 'read only transaction' };
}

export function toPrimary(input: ChoiceInput, reason: Reason): Choice {
  const primary = primaryOf(input.members);
  return { to: 'primary', member: primary?.name, reason };
}

/** The primary of the newest epoch, if it may be used. */
export function primaryOf(members: readonly Member[]): Member | undefined {
  let newest: Member | undefined;
  for (const member of members) {
    if (member.role === 'primary' && (newest === undefined || member.epoch > newest.epoch)) newest = member;
  }
  return newest?.state === 'up' || newest?.state === 'draining' ? newest : undefined;
}

/** Session state alone: on the connection that is kept, or wherever a read would go. */
function chooseAny(input: ChoiceInput): Choice {
  const { session, resolved } = input;
  if (session.pins.length > 0) return toPrimary(input, resolved.reason);
  const outcome = chooseReplica({ ...readDemand(input), level: 'eventual' });
  return 'to' in outcome ? { ...outcome, reason: resolved.reason } : toPrimary(input, resolved.reason);
}

/** What the statement must see: as a hint says, or its session, or else the stack. */
export function levelOf(
  { hints }: Statement,
  session: SessionState,
  ofStack: ConsistencyLevel,
): ConsistencyLevel {
  const hinted = hints.consistency ?? (hints.target === 'replica' ? 'eventual' : undefined);
  return hinted ?? session.consistency ?? ofStack;
}

function readDemand(input: ChoiceInput): ReadDemand {
  const { session, resolved, members, limits, shared, beganMs, spread } = input;
  const level = levelOf(resolved.statement, session, input.level);
  return {
    own: session.freshness,
    readFrom: session.readFrom,
    shared,
    level,
    members,
    limits,
    beganMs,
    spread,
  };
}
