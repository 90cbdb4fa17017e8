/** What is known of one client command's SQL text: the result of `analyse`. Immutable, so it may be cached by text. */
import type { Effect } from './effect.ts';
import type { Reason } from './reason.ts';

/** `unknown` is what could not be read: it goes to the primary, on a connection that the session keeps. */
export type StatementClass = 'read' | 'session' | 'transaction' | 'write' | 'ddl' | 'admin' | 'unknown';

/**
 * Where a statement may run, from the laxest to the strictest:
 *
 * - `any`: it only sets session state that is replayed on every other connection, so any member may answer.
 * - `replica`: a read that a replica may answer when it is fresh enough and `resolve` finds nothing against it.
 * - `previous`: it asks about the statement before it, on the connection that ran that.
 * - `primary`: the primary alone.
 */
export type Target = 'any' | 'replica' | 'previous' | 'primary';

export type ConsistencyLevel = 'session' | 'host' | 'global' | 'eventual';

/** What the comments of a statement ask for. A hint never makes a replica possible where the text forbids it. */
export interface Hints {
  /** `replica`: any replica within the lag bound will do (consistency `eventual`), for this statement. */
  readonly target?: 'primary' | 'replica';
  readonly consistency?: ConsistencyLevel;
}

/**
 * A table, view or routine as it was written; without `schema` it is in the session's default schema. A table without a
 * name stands for all of its schema (SHOW TABLES FROM).
 */
export interface ObjectName {
  readonly schema: string | undefined;
  readonly name: string;
}

export interface Statement {
  readonly class: StatementClass;
  readonly target: Target;
  /** Why the target isn't laxer (for `replica` and `any`: why it is allowed). */
  readonly reason: Reason;
  /** The server commits an open transaction before it runs this, as far as the text tells (EXECUTE doesn't). */
  readonly implicitCommit: boolean;
  /**
   * Refused with 1290 naming `--read-only` outside a transaction, it has left nothing behind and may be sent to another
   * primary. False for whatever can have run in part: CALL, multi-statements, compound blocks, EXECUTE, stored routines.
   */
  readonly resend: boolean;
  /** The number of statements in the text: 0 for an empty one, more than 1 for a multi-statement. */
  readonly parts: number;
  /** What it leaves in the session, in the order of the text. */
  readonly effects: readonly Effect[];
  /** Tables and views that are read, as far as the text tells. Complete when the target is `replica`. */
  readonly tables: readonly ObjectName[];
  /** Stored routines (or unknown functions) that are called. */
  readonly routines: readonly ObjectName[];
  readonly hints: Hints;
  /** A query without tables and routines: it leaves the diagnostics of the statement before it. */
  readonly tableless: boolean;
  /** FOUND_ROWS() after it is more than the number of rows sent. */
  readonly foundRows: boolean;
  /** It may ask for LAST_INSERT_ID(): a fresh connection must be told it. */
  readonly usesInsertId: boolean;
}

/** A command without a text, which leaves nothing in the session but what is tracked, nor takes conditions from it. */
export const bareCommand: Statement = {
  class: 'admin',
  target: 'primary',
  reason: 'administration',
  implicitCommit: false,
  resend: false,
  parts: 1,
  effects: [],
  tables: [],
  routines: [],
  hints: {},
  tableless: true,
  foundRows: false,
  usesInsertId: false,
};

/** Whether it is one, or the preparation of a statement: no text that administers a server is a query without tables. */
export function isBare({ class: kind, tableless }: Statement): boolean {
  return kind === 'admin' && tableless;
}
