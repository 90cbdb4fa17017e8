/** What a statement leaves in its session. `step` carries effects over to the session's state. */

/** What ties a session to a connection. */
export type PinKind =
  | 'user variables'
  | 'temporary table'
  | 'lock'
  | 'table locks'
  | 'handler'
  | 'prepared statement'
  | 'xa'
  | 'routine'
  | 'autocommit'
  | 'isolation'
  | 'next transaction'
  | 'variable'
  | 'insert id'
  | 'unresolved'
  | 'tracking'
  | 'text';

export type Effect =
  /** A session variable set to a literal: `value` is SQL text that means the same in every SQL mode. */
  | { readonly kind: 'set'; readonly variable: string; readonly value: string }
  /** SET NAMES; `value` as in `set`, with COLLATE where it was given. */
  | { readonly kind: 'names'; readonly charset: string; readonly value: string }
  /** Session variables whose new values only the server knows. */
  | { readonly kind: 'evaluate'; readonly variables: readonly string[] }
  | { readonly kind: 'use'; readonly schema: string }
  /** SET ROLE; `value` is SQL text. */
  | { readonly kind: 'role'; readonly value: string }
  /**
   * State bound to the connection. `name` tells pins of one kind apart; '' when it can't be told. Of kind `text` it says
   * why the text wasn't understood; '' where it is no statement of MariaDB's, which then fails and leaves nothing.
   */
  | { readonly kind: 'pin'; readonly pin: PinKind; readonly name: string }
  /** The end of such state; without a name, of all of its kind. */
  | { readonly kind: 'unpin'; readonly pin: PinKind; readonly name: string | undefined }
  /** ALTER or RENAME: which temporary table has which name isn't followed further. */
  | { readonly kind: 'rename tables' }
  /** START TRANSACTION; `readOnly` undefined: as the session's default says. */
  | { readonly kind: 'begin'; readonly readOnly: boolean | undefined; readonly snapshot: boolean }
  /** COMMIT or ROLLBACK (of the whole transaction); `release`: the server closes the connection. */
  | { readonly kind: 'end'; readonly chain: boolean | undefined; readonly release: boolean | undefined }
  /** KILL of a connection (or of its query alone) by a literal id. */
  | { readonly kind: 'kill'; readonly id: string; readonly query: boolean };
