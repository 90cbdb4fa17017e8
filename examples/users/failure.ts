/** What an error of the database driver means for the statement that met it. Pure. */

/**
 * - `lost`: the connection died, or the answer did not come; the statement may have run or not.
 * - `not-executed`: the router could not give it to any server in time.
 * - `read-only`: the server refused because it does not take writes (now); nothing was written.
 * - `busy`: the transaction was rolled back because of others; nothing was written.
 * - `duplicate`: a unique key refused the row.
 * - `refused`: any other answer of the server; nothing was written.
 * - `bug`: not an error of the database at all.
 */
export type FailureKind = 'lost' | 'not-executed' | 'read-only' | 'busy' | 'duplicate' | 'refused' | 'bug';

// ER_OPTION_PREVENTS_STATEMENT (--read-only), ER_READ_ONLY_MODE, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
const readOnly = new Set([1290, 1836, 1792]);
// ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_CHECKREAD (snapshot changed)
const busy = new Set([1205, 1213, 1020]);
// ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_NET_READ_ERROR (the router: outcome unknown), ER_QUERY_INTERRUPTED,
// ER_CONNECTION_KILLED, ER_STATEMENT_TIMEOUT: a commit that waits for a replica's acknowledgement and is interrupted has
// happened all the same.
const interrupted = new Set([1053, 1077, 1158, 1317, 1927, 1969]);
const duplicateEntry = 1062;
/** ER_CON_COUNT_ERROR: no connection became free in time. */
const noConnection = 1040;
/** SQLSTATE "unable to establish the connection": the router says so of what it never sent; a server never does. */
const notSent = '08001';

export function classify(error: unknown): FailureKind {
  if (!(error instanceof Error)) return 'bug';
  if (error instanceof NoAnswer) return 'lost';
  const { errno, code, fatal, sqlState } = error as Error & Partial<Record<string, unknown>>;
  // Numbers from 1000 on are the server's; the operating system's are negative and mean the network.
  if (typeof errno === 'number' && errno >= 1000) {
    if (sqlState === notSent || errno === noConnection) return 'not-executed';
    if (readOnly.has(errno)) return 'read-only';
    if (busy.has(errno)) return 'busy';
    if (errno === duplicateEntry) return 'duplicate';
    return interrupted.has(errno) || fatal === true ? 'lost' : 'refused';
  }
  if (fatal === true) return 'lost';
  if (
    typeof code === 'string' &&
    /^(?:PROTOCOL_|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ERR_(?:SSL|TLS|STREAM))/.test(code)
  ) {
    return 'lost';
  }
  return 'bug';
}

/** For logs: why a connection failed. Not for refused statements, whose messages quote data. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as Error & { code?: unknown };
  return typeof code !== 'string' || error.message.includes(code)
    ? error.message
    : `${code}: ${error.message}`;
}

/** The time that a connection or a statement had was over. */
export class NoAnswer extends Error {
  constructor(limitMs: number) {
    super(`no answer in ${Math.round(limitMs)} ms`);
    this.name = 'NoAnswer';
  }
}

/** The statement reached no database server, or it was a read: nothing was changed. */
export class Unavailable extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'Unavailable';
  }
}

/** A write was sent and its answer never came: it may have happened or not. Must not be sent again. */
export class OutcomeUnknown extends Error {
  constructor(options?: ErrorOptions) {
    super('The answer to a write did not come.', options);
    this.name = 'OutcomeUnknown';
  }
}
