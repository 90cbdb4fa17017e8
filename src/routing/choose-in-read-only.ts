/** Statements inside a READ ONLY transaction that runs on a replica. */
import { type Choice, type ChoiceInput, toLast, toPrimary } from './choose.ts';
import type { Reason } from './reason.ts';
import type { Transaction } from './session.ts';

/** ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION and ER_UNKNOWN_ERROR. */
const errno = { readOnly: 1792, other: 1105 } as const;

/** What the server refuses in the transaction with the same error wherever it runs. */
const refusedAnywhere: ReadonlySet<Reason> = new Set(['locking read', 'temporary table']);

/**
 * The transaction has its snapshot on the replica, and whatever reads goes there. What needs the primary ends the
 * transaction (implicit commit), or takes it along while nothing has been read, or runs beside it when it reads nothing
 * that a snapshot protects. What is left can't be done as on one server: it is refused before it ran.
 */
export function chooseInReadOnly(input: ChoiceInput, transaction: Transaction): Choice {
  const { statement, target, reason } = input.resolved;
  const here: Choice = { to: 'transaction', member: transaction.member, reason: 'in transaction' };
  const { last } = input.session;
  if (target === 'previous' && last !== undefined) {
    const before = toLast(last, reason);
    if (before.member !== transaction.member) return before;
  }
  if (target !== 'primary' && !begins(input)) return here;
  if (statement.implicitCommit || begins(input)) return withTransaction(input, reason, 'ends');
  if (statement.class === 'transaction' || refusedAnywhere.has(reason)) return here;
  if (statement.class === 'write' && reason === 'write') {
    // On a replica the server would name --read-only instead.
    return { to: 'refuse', errno: errno.readOnly, reason: 'write in a read only transaction' };
  }
  if (transaction.untouched) return withTransaction(input, 'transaction moves', 'moves');
  const readsNothing =
    statement.tables.length === 0 &&
    statement.routines.length === 0 &&
    statement.class !== 'unknown' &&
    statement.class !== 'write' &&
    statement.parts <= 1;
  if (readsNothing) return withTransaction(input, 'read beside the transaction', 'beside');
  return { to: 'refuse', errno: errno.other, reason: 'snapshot on a replica' };
}

function begins(input: ChoiceInput): boolean {
  return input.resolved.statement.effects.some((effect) => effect.kind === 'begin');
}

function withTransaction(input: ChoiceInput, reason: Reason, how: 'ends' | 'moves' | 'beside'): Choice {
  const choice = toPrimary(input, reason);
  return choice.to === 'primary' ? { ...choice, transaction: how } : choice;
}
