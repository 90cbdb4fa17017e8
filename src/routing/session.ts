/** The state of one client session as the router knows it. Changed by `step` alone; immutable. */
import type { PinKind } from './effect.ts';
import { type Freshness, nothingSeen, type Position } from './freshness.ts';
import { defaultModes, type Modes } from './modes.ts';
import type { ConsistencyLevel } from './statement.ts';

/** Session state that is repeated on every other connection of the session. */
export interface Setting {
  /** What it sets; a later setting of the same key takes its place. */
  readonly key: string;
  /** One SQL statement, without side effects. */
  readonly sql: string;
  /** It can't fail on a server that works, so that the next statement need not wait for its answer. */
  readonly sure?: true;
}

/**
 * State that lives on one connection to the primary. Scope `session`: every statement goes to that connection.
 * `connection`: the connection is kept for the session, and reads that don't need it may still go to a replica.
 */
export interface Pin {
  readonly kind: PinKind;
  readonly name: string;
  readonly scope: 'session' | 'connection';
}

/** An open transaction. */
export interface Transaction {
  readonly member: string;
  readonly role: 'primary' | 'replica';
  readonly readOnly: boolean;
  /** Nothing was read in it yet, so that it can be begun again elsewhere. */
  readonly untouched: boolean;
}

/** What the next statement may ask about the last one (FOUND_ROWS, ROW_COUNT, SHOW WARNINGS). */
export interface LastStatement {
  readonly member: string;
  readonly role: 'primary' | 'replica';
  /** As many as SHOW WARNINGS tells. */
  readonly warnings: number;
  /** FOUND_ROWS() is more than the number of rows sent, and wasn't asked for yet. */
  readonly foundRows: boolean;
  /**
   * Where the conditions are that SHOW WARNINGS tells: those of an earlier statement, when this one used no table and so
   * left them. Undefined: here.
   */
  readonly diagnosed: { readonly member: string; readonly role: 'primary' | 'replica' } | undefined;
}

/** Where the conditions of the last statement that had its own are. */
export function diagnosed(last: LastStatement): Pick<LastStatement, 'member' | 'role'> {
  return last.diagnosed ?? last;
}

export interface SessionState {
  readonly modes: Modes;
  /** The default schema; undefined when there is none. */
  readonly schema: string | undefined;
  /** In the order in which they are repeated. */
  readonly settings: readonly Setting[];
  /** Session variables (or `schema`) whose values only the connection knows: `valuesQuery` asks for them. */
  readonly unresolved: readonly string[];
  readonly pins: readonly Pin[];
  /** The value of LAST_INSERT_ID() as SQL text, where it isn't the server's default. */
  readonly insertId: string | undefined;
  /** Only a connection that is gone knew that value. */
  readonly insertIdLost: boolean;
  readonly transaction: Transaction | undefined;
  /** The session's default for START TRANSACTION without READ ONLY or READ WRITE. */
  readonly readOnlyDefault: boolean;
  readonly last: LastStatement | undefined;
  /** What this session's reads must see. */
  readonly freshness: Freshness;
  /** The member of the last read: to go on there is always monotonic. */
  readonly readFrom: string | undefined;
  /** Asked for with `SET @tandem_consistency = '…'`; undefined: as the stack file says. */
  readonly consistency: ConsistencyLevel | undefined;
}

/**
 * The state after the handshake. `charset` is the name of the character set of the client's collation, `settings` what its
 * capabilities have set.
 */
export function newSession(
  schema: string | undefined,
  charset: string | undefined = defaultModes.charset,
  serverVersion: number = defaultModes.serverVersion,
  settings: readonly Setting[] = [],
): SessionState {
  return {
    modes: { ...defaultModes, charset, serverVersion },
    schema,
    settings,
    unresolved: [],
    pins: [],
    insertId: undefined,
    insertIdLost: false,
    transaction: undefined,
    readOnlyDefault: false,
    last: undefined,
    freshness: nothingSeen,
    readFrom: undefined,
    consistency: undefined,
  };
}

/** What a response told about the session after its last packet. */
export interface Outcome {
  /** The last packet was an OK, EOF or the end of a result set, not an ERR. */
  readonly ok: boolean;
  /** Of the ERR. */
  readonly errno: number | undefined;
  /** Server status flags of that packet; undefined after an ERR, which has none. */
  readonly status: number | undefined;
  readonly warnings: number;
  /** The OK named an insert id. */
  readonly insertId: boolean;
  /** The member that answered, its role and the epoch in which the router spoke to it. */
  readonly member: string;
  readonly role: 'primary' | 'replica';
  readonly epoch: number;
  /** `last_gtid` of the response; undefined when there was none. */
  readonly position: Position | undefined;
  /** Tracked session variables by name; empty when there were none. */
  readonly variables: ReadonlyMap<string, string>;
  /** The tracked schema; undefined when it wasn't told. */
  readonly schema: string | undefined;
  /** The router's monotonic clock at the end of the response, in milliseconds. */
  readonly endedMs: number;
}
