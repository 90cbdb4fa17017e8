/** What a statement has written, for those who must see it although they are another session. */
import type { Resolved } from './resolve.ts';
import type { Outcome } from './session.ts';

/** Server status flag. @see https://mariadb.com/kb/en/ok_packet/#server-status-flag */
const inTransaction = 0x0001;

/**
 * Whether something may have been written, and acknowledged, at a position that wasn't told: sequences, RETURNING without
 * DEPRECATE_EOF, an ERR of a CALL. What is part of an open transaction is told, or not, with its end.
 */
export function wroteUntold({ target, statement }: Resolved, { ok, status, position }: Outcome): boolean {
  if (position !== undefined || target !== 'primary') return false;
  if (status !== undefined && (status & inTransaction) !== 0) return false;
  return statement.class !== 'session' && (statement.class !== 'transaction' || !ok);
}
