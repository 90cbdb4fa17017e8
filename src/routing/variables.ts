/** System variables of a session: what a literal value means, and values that only the connection knows. */
import { parseConsistency } from './hint.ts';
import { parseSqlMode } from './modes.ts';
import { literalValue } from './names.ts';
import { addPin, removePin } from './pins.ts';
import type { SessionState } from './session.ts';
import { setStatement, withSetting } from './settings.ts';

/** What SET NAMES and SET CHARACTER SET change. */
export const charsetVariables: readonly string[] = [
  'character_set_client',
  'character_set_results',
  'collation_connection',
];

/** Below SERIALIZABLE, which turns plain reads into locking ones. */
const plainIsolation: ReadonlySet<string> = new Set([
  'read-uncommitted',
  'read-committed',
  'repeatable-read',
]);

export function without(list: readonly string[], name: string): readonly string[] {
  return list.includes(name) ? list.filter((entry) => entry !== name) : list;
}

/** A variable has got a literal value (SQL text). */
export function setVariable(state: SessionState, variable: string, literal: string): SessionState {
  const value = literalValue(literal).toLowerCase();
  if (variable === 'last_insert_id') {
    return {
      ...state,
      insertId: literal,
      insertIdLost: false,
      unresolved: without(state.unresolved, variable),
      pins: removePin(state.pins, 'insert id', undefined),
    };
  }
  const settings = withSetting(state.settings, variable, setStatement(variable, literal));
  const next: SessionState = { ...state, settings, unresolved: without(state.unresolved, variable) };
  switch (variable) {
    case 'sql_mode': {
      const sqlMode = value === 'default' ? undefined : parseSqlMode(value);
      const known = { ...next, modes: { ...next.modes, sqlMode } };
      return sqlMode === undefined ? unresolve(known, [variable]) : known;
    }
    case 'character_set_client':
      if (value === 'default') return unresolve(state, [variable]);
      return { ...next, modes: { ...next.modes, charset: value } };
    case 'tx_isolation':
      return {
        ...next,
        pins: plainIsolation.has(value)
          ? removePin(next.pins, 'isolation', undefined)
          : addPin(next.pins, 'isolation', ''),
      };
    case 'tx_read_only':
      return { ...next, readOnlyDefault: value === '1' || value === 'on' || value === 'true' };
    case '@tandem_consistency':
      return { ...next, consistency: parseConsistency(value) };
    case 'session_track_system_variables': {
      // Without last_gtid no write tells its position.
      const told = value === '*' || value.split(',').some((name) => name.trim() === 'last_gtid');
      return {
        ...next,
        pins: told ? removePin(next.pins, 'tracking', undefined) : addPin(next.pins, 'tracking', ''),
      };
    }
    default:
      return next;
  }
}

const identifier = /^\w+$/;

/** More than these at once stay with their connection. */
const mostUnresolved = 64;

/** Only the connection knows these now. What isn't named like a variable of the server is none. */
export function unresolve(state: SessionState, variables: readonly string[]): SessionState {
  const fresh = variables.filter((name) => identifier.test(name) && !state.unresolved.includes(name));
  const tooMany = state.unresolved.length + fresh.length > mostUnresolved;
  let { modes, pins } = state;
  if (variables.includes('sql_mode')) modes = { ...modes, sqlMode: undefined };
  if (variables.includes('character_set_client')) modes = { ...modes, charset: undefined };
  const insertId = variables.includes('last_insert_id');
  if (insertId) pins = addPin(pins, 'insert id', '');
  if (tooMany) pins = addPin(pins, 'unresolved', '');
  const unresolved = fresh.length === 0 || tooMany ? state.unresolved : [...state.unresolved, ...fresh];
  return { ...state, modes, pins, unresolved, insertIdLost: state.insertIdLost && !insertId };
}

/**
 * Whether the session's next statement must go to the connection that alone knows a value. The last insert id isn't
 * such a value: only LAST_INSERT_ID() asks for it, and that goes there anyway.
 */
export function isUnresolved(state: SessionState): boolean {
  return state.unresolved.some((name) => name !== 'last_insert_id');
}

/** The connection to the primary is gone, and nothing but the last insert id was on it alone. */
export function withoutInsertId(state: SessionState): SessionState {
  if (!state.unresolved.includes('last_insert_id')) return state;
  return {
    ...state,
    insertId: undefined,
    insertIdLost: true,
    unresolved: without(state.unresolved, 'last_insert_id'),
    pins: removePin(state.pins, 'insert id', undefined),
  };
}

const columnOf = (name: string): string => (name === 'schema' ? 'DATABASE()' : `@@SESSION.${name}`);

/**
 * The query that tells the unresolved values on the session's connection, one column each in their order; undefined
 * when nothing is unresolved. The answer goes into `withValues`.
 */
export function valuesQuery(state: SessionState): string | undefined {
  if (state.unresolved.length === 0) return undefined;
  return `SELECT ${state.unresolved.map(columnOf).join(', ')}`;
}

/** `valuesQuery` in as many as there are values: one of a name that is no session variable fails as a whole. */
export function valueQueries(state: SessionState): readonly string[] {
  return state.unresolved.map((name) => `SELECT ${columnOf(name)}`);
}

/**
 * Whether an error says of the variable in a statement that no session has one of this name, so that nothing was set: it
 * is unknown (1193), a word of the grammar (1064), or global (1229, 1238).
 */
export function isNoVariable(errno: number): boolean {
  return errno === 1193 || errno === 1064 || errno === 1229 || errno === 1238;
}

/** Those at these places of `valueQueries` are no session variables: nothing was set. */
export function withoutVariables(state: SessionState, places: ReadonlySet<number>): SessionState {
  return { ...state, unresolved: state.unresolved.filter((_, place) => !places.has(place)) };
}

/** The answer to `valuesQuery`: the values become settings, and the connection is no longer needed for them. */
export function withValues(state: SessionState, values: readonly (string | null)[]): SessionState {
  let next = state;
  state.unresolved.forEach((name, index) => {
    const value = values[index];
    if (value === undefined) return;
    if (name === 'schema') {
      next = { ...next, schema: value ?? undefined, unresolved: without(next.unresolved, name) };
      return;
    }
    next = setVariable(next, name, asLiteral(value));
  });
  return next;
}

/** A value as the server gave it, as SQL text that means the same in every SQL mode and character set. */
export function asLiteral(value: string | null): string {
  if (value === null) return 'NULL';
  if (/^-?\d{1,20}(\.\d{1,20})?$/.test(value)) return value;
  if (/^[\w,:+./ =*%-]*$/.test(value)) return `'${value}'`;
  return `CONVERT(0x${Buffer.from(value).toString('hex')} USING utf8mb4)`;
}
