/**
 * What the corpus is made of. A script runs on a schema of its own that is empty at its beginning; every step is done by
 * every client that can, directly and through the router, and what the client saw is compared.
 */

/** Parameter types of the binary protocol; clients that know fewer take the nearest that they have. */
export type ParameterType =
  | 'null'
  | 'tiny'
  | 'utiny'
  | 'short'
  | 'ushort'
  | 'int24'
  | 'uint24'
  | 'long'
  | 'ulong'
  | 'longlong'
  | 'ulonglong'
  | 'float'
  | 'double'
  | 'decimal'
  | 'varchar'
  | 'string'
  | 'varstring'
  | 'tinyblob'
  | 'mediumblob'
  | 'longblob'
  | 'blob'
  | 'bit'
  | 'enum'
  | 'set'
  | 'geometry'
  | 'year'
  | 'date'
  | 'datetime'
  | 'timestamp'
  | 'time';

/** `value` as text: numbers in decimal, bytes (blob types, bit, geometry) in hexadecimal, times as SQL has them. */
export interface Parameter {
  readonly type: ParameterType;
  readonly value: string | null;
}

interface OnSession {
  /** Which of the script's sessions; 'a' when left out. A session is opened when first needed. */
  readonly on?: string;
}

export interface QueryStep extends OnSession {
  readonly kind: 'query';
  readonly sql: string;
}

export interface ExecuteStep extends OnSession {
  readonly kind: 'execute';
  readonly sql: string;
  /** One execution for each. */
  readonly executions: readonly (readonly Parameter[])[];
  /** With a cursor: how many rows are fetched at a time. */
  readonly fetchRows?: number;
  /** Parameters of blob types go as long data, in two pieces. */
  readonly longData?: boolean;
  /** All executions in one packet (COM_STMT_BULK_EXECUTE), where a client has that. */
  readonly bulk?: boolean;
  /** Clients that never come back from it, directly either: they leave it out. */
  readonly hangs?: readonly 'mysqli'[];
}

export type Step =
  | QueryStep
  | ExecuteStep
  /** LOAD DATA LOCAL: `FILE` in the text stands for the path of a file with this content (latin1). */
  | ({ readonly kind: 'load'; readonly sql: string; readonly content: string } & OnSession)
  | ({ readonly kind: 'ping' | 'reset' } & OnSession)
  | ({
      readonly kind: 'changeUser';
      readonly account: 'first' | 'second' | 'wrong';
      readonly schema?: string;
    } & OnSession)
  /** Another connection: how its login ends, where a client can tell. */
  | ({ readonly kind: 'login'; readonly account: 'first' | 'wrong'; readonly schema?: string } & OnSession)
  | ({ readonly kind: 'useSchema'; readonly schema: string } & OnSession)
  /** KILL with the connection id of another session. */
  | ({ readonly kind: 'kill'; readonly target: string; readonly what: string } & OnSession)
  /** The raw command with its argument (hexadecimal), where a client can. */
  | ({ readonly kind: 'command'; readonly code: number; readonly argument: string } & OnSession)
  /** The replica has time to follow, so that the reads behind it go there. */
  | { readonly kind: 'settle' };

export interface Script {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Its sessions see what the others write: through a router of level `global`. */
  readonly shared: boolean;
}

export const settle: Step = { kind: 'settle' };

/** Texts are queries. */
export function script(
  name: string,
  ...steps: readonly (string | Step | readonly (string | Step)[])[]
): Script {
  const all = steps.flat().map((step): Step => (typeof step === 'string' ? query(step) : step));
  const sessions = new Set(all.flatMap((step) => ('on' in step ? [step.on] : [])));
  return { name, steps: all, shared: sessions.size > 0 };
}

export function query(sql: string): QueryStep {
  return { kind: 'query', sql };
}

/** On a session of that name. */
export function on(session: string, step: string | Step): Step {
  return { ...(typeof step === 'string' ? query(step) : step), on: session } as Step;
}

export function execute(sql: string, ...parameters: readonly Parameter[]): ExecuteStep {
  return { kind: 'execute', sql, executions: [parameters] };
}

/** One prepared statement, executed several times. */
export function executeMany(sql: string, ...executions: readonly (readonly Parameter[])[]): ExecuteStep {
  return { kind: 'execute', sql, executions };
}

/** In the text and in the binary protocol. */
export function both(...texts: readonly string[]): readonly Step[] {
  return texts.flatMap((sql) => [query(sql), execute(sql)]);
}

export function parameter(type: ParameterType, value: string | number | null): Parameter {
  return { type, value: value === null ? null : String(value) };
}

export const int = (value: number | string): Parameter => parameter('long', value);
export const text = (value: string): Parameter => parameter('varstring', value);
export const nothing: Parameter = { type: 'null', value: null };
