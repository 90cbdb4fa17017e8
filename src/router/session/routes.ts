/** What a session asks about its statements, and in which terms it is answered. */
import type { Outcome } from '#src/routing/session.ts';
import type { StatementClass } from '#src/routing/statement.ts';

/** What is known of a text; kept with a prepared statement. */
export interface RoutedStatement {
  readonly class: StatementClass;
  /** Refused by a read-only server outside a transaction, it left nothing behind and may be sent to another. */
  readonly resend: boolean;
  /** Refused by a read-only server inside a transaction, nothing of that was committed: all of it can be run again. */
  readonly losesTransaction: boolean;
  /** Whether a transaction is open when it has run; undefined: as before. */
  readonly leaves: 'transaction' | 'nothing' | undefined;
  /** Of a prepared one: the default schema, if there was one, in which it means what it says. */
  readonly schema?: string | undefined;
  /** It is a KILL by a literal id. */
  readonly kill?: { readonly id: number; readonly queryOnly: boolean };
}

export type Slot = 'primary' | 'replica';

/** `state` (variables, temporary tables, locks) can't be had again; a transaction can be run again. */
export type Loss = 'nothing' | 'transaction' | 'state';

/** Where a statement goes. */
export interface RouteChoice {
  readonly slot: Slot;
  /** The replica's name; undefined for the primary. */
  readonly member: string | undefined;
  /** The replica must have reached this position within `waitMs`; else the statement goes to the primary. */
  readonly waitFor: string | undefined;
  readonly waitMs: number;
  /** For metrics and `explain`. */
  readonly reason: string;
  /** It is the primary only because positions aren't known: ask for them and choose again. */
  readonly sampleFirst: boolean;
  /** A statement of the router's own that goes before it. */
  readonly prelude: string | undefined;
}

/** Statements that give another connection a session's settings, in order; another array when one changed. */
export type Settings = readonly { readonly key: string; readonly sql: string; readonly sure?: true }[];

export const noSettings: Settings = [];

export interface SessionRoutes<S extends RoutedStatement = RoutedStatement> {
  /** `complete` false: `sql` is only the beginning of a text too long to keep. */
  analyse(sql: Buffer, complete: boolean): S;
  /** `analyse` for a text that is prepared now, and executed later. */
  analysePrepared(sql: Buffer, complete: boolean): S;
  /** What COM_INIT_DB does. */
  useSchema(schema: string): S;
  /** The shape of a text, without its values. */
  fingerprint(sql: Buffer): string;
  /** Undefined stands for a command without a text: to the primary. `replica`: no other one may be chosen. */
  choose(statement: S | undefined, beganMs: number, replica?: string): RouteChoice;
  /** Asks the primary connection for values that only it knows; undefined when there are none to ask for. */
  valuesQuery(): string | undefined;
  takeValues(values: readonly (string | null)[]): void;
  /** For when it failed: one query for each value. */
  valueQueries(): readonly string[];
  /** Those at these places are no variables. */
  forgetValues(places: ReadonlySet<number>): void;
  /** Some of these values are settings. */
  readonly unresolved: boolean;
  /** The server answered; `undefined` stands for a command without a text, which may have been the preparation of one. */
  answered(statement: S | undefined, outcome: Outcome, prepared?: S): void;
  /** Whether the session needs the connection in this slot no longer, once another has its `settings`. */
  mayLeave(slot: Slot): boolean;
  /** For how long after a statement the connection in this slot is kept, for what may be asked about it. */
  questionMs(slot: Slot): number;
  /** A transaction, temporary tables, locks, variables: what a client that connects anew would miss. */
  readonly stateful: boolean;
  readonly settings: Settings;
  readonly schema: string | undefined;
  /** An answer is about to be told the client; asked only where others must know of a write before. */
  acknowledging?(statement: S | undefined, outcome: Outcome): void;
  /** The connection in this slot broke: what the session had nowhere else. A lost transaction is over with this. */
  lost(slot: Slot): Loss;
  /** It may ask for a last insert id that was lost. */
  misses(statement: S): boolean;
  /** The connection is as new: COM_RESET_CONNECTION (which keeps the schema), COM_CHANGE_USER. */
  reset(schema: string | undefined): void;
}
