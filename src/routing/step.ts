/** The session after a statement: a pure function of its state, the statement and the response. */
import type { Effect, PinKind } from './effect.ts';
import { afterWrite, withPending } from './freshness.ts';
import { addPin, removePin } from './pins.ts';
import type { Resolved } from './resolve.ts';
import {
  diagnosed,
  type LastStatement,
  newSession,
  type Outcome,
  type SessionState,
  type Transaction,
} from './session.ts';
import { withSetting } from './settings.ts';
import { isBare } from './statement.ts';
import { sameVariable } from './variable-data.ts';
import { asLiteral, charsetVariables, isNoVariable, setVariable, unresolve, without } from './variables.ts';

/** Server status flags. @see https://mariadb.com/kb/en/ok_packet/#server-status-flag */
const status = {
  inTransaction: 0x0001,
  autocommit: 0x0002,
  noBackslashEscapes: 0x0200,
  inReadOnlyTransaction: 0x2000,
} as const;

/**
 * Carries over what `resolved` has done, as the last packet of its response (`outcome`) tells. After an error what it
 * may have left counts as left, and what it may have set counts as unresolved.
 */
export function step(state: SessionState, resolved: Resolved, outcome: Outcome): SessionState {
  const { statement } = resolved;
  let next: SessionState = state;
  for (const effect of statement.effects) {
    next = outcome.ok ? apply(next, effect) : applyFailed(next, effect, resolved, outcome);
  }
  if (resolved.stateful) next = { ...next, pins: addPin(next.pins, 'routine', '') };
  if (outcome.insertId || (statement.reason === 'call' && outcome.ok)) {
    // A procedure changes it without saying so.
    next = unresolve(next, ['last_insert_id']);
  }
  next = tracked(next, resolved, outcome);
  next = transactionAfter(next, resolved, outcome);
  next = seen(next, resolved, outcome);
  const { last } = state;
  if (resolved.target === 'previous' && last !== undefined) {
    return last.foundRows && resolved.reason === 'row count'
      ? { ...next, last: { ...last, foundRows: false } }
      : next;
  }
  return { ...next, last: lastAfter(last, resolved, outcome) };
}

/** What SHOW WARNINGS and ROW_COUNT() ask about from now on. A command without a text counts no rows. */
function lastAfter(before: LastStatement | undefined, resolved: Resolved, outcome: Outcome): LastStatement {
  const { statement } = resolved;
  const { member, role, warnings } = outcome;
  const { foundRows } = statement;
  const ran =
    before !== undefined && isBare(statement)
      ? before
      : { member, role, warnings, foundRows, diagnosed: undefined };
  const keeps = before !== undefined && leavesConditions(resolved, outcome);
  const { member: on, role: as } = keeps ? diagnosed(before) : outcome;
  const told = keeps ? before.warnings : warnings;
  return { ...ran, warnings: told, diagnosed: on === ran.member ? undefined : { member: on, role: as } };
}

/** Without tables and without conditions of its own it leaves those of the statement before it, where they are. */
function leavesConditions({ statement, target }: Resolved, { ok, warnings }: Outcome): boolean {
  const { class: kind, tables, routines, parts } = statement;
  if (!ok || warnings > 0 || tables.length > 0 || routines.length > 0 || parts > 1) return false;
  return statement.tableless || target === 'any' || kind === 'session' || kind === 'transaction';
}

/** COM_RESET_CONNECTION: everything but the schema, what was seen and the character set of the handshake goes. */
export function afterReset(state: SessionState, charset: string | undefined): SessionState {
  const fresh = newSession(state.schema, charset, state.modes.serverVersion);
  return { ...fresh, freshness: state.freshness, readFrom: state.readFrom };
}

function apply(state: SessionState, effect: Effect): SessionState {
  switch (effect.kind) {
    case 'set':
      return setVariable(state, effect.variable, effect.value);
    case 'names':
      return {
        ...state,
        modes: { ...state.modes, charset: effect.charset },
        settings: withSetting(state.settings, 'names', `SET NAMES ${effect.value}`),
        unresolved: state.unresolved.filter((name) => !charsetVariables.includes(name)),
      };
    case 'evaluate':
      return unresolve(state, effect.variables);
    case 'use':
      return { ...state, schema: effect.schema, unresolved: without(state.unresolved, 'schema') };
    case 'role':
      return { ...state, settings: withSetting(state.settings, 'role', `SET ROLE ${effect.value}`) };
    case 'pin':
      if (effect.pin === 'insert id') return unresolve(state, ['last_insert_id']);
      return { ...state, pins: addPin(state.pins, effect.pin, pinName(state, effect.pin, effect.name)) };
    case 'unpin':
      return {
        ...state,
        pins: removePin(
          state.pins,
          effect.pin,
          effect.name === undefined ? undefined : pinName(state, effect.pin, effect.name),
        ),
      };
    case 'rename tables':
      return state.pins.some((pin) => pin.kind === 'temporary table')
        ? {
            ...state,
            pins: addPin(removePin(state.pins, 'temporary table', undefined), 'temporary table', ''),
          }
        : state;
    case 'begin':
    case 'end':
    case 'kill':
      return state;
  }
}

/** After an ERR: nothing is taken back, and what may have been set is unresolved. */
function applyFailed(
  state: SessionState,
  effect: Effect,
  { statement }: Resolved,
  { errno }: Outcome,
): SessionState {
  // One statement that changes one thing either did so or did not.
  const single = statement.parts <= 1 && statement.class !== 'write';
  const nothingSet = single && statement.effects.length === 1 && errno !== undefined && isNoVariable(errno);
  switch (effect.kind) {
    case 'set':
      return nothingSet ? state : unresolve(state, [effect.variable]);
    case 'evaluate':
      return nothingSet ? state : unresolve(state, effect.variables);
    case 'names':
      return unresolve(state, charsetVariables);
    case 'role':
      return single ? state : { ...state, pins: addPin(state.pins, 'variable', 'role') };
    case 'use':
      return single ? state : unresolve(state, ['schema']);
    case 'unpin':
      return state;
    case 'pin': {
      const noStatement = effect.pin === 'text' && effect.name === '';
      if (single && (noStatement || effect.pin === 'temporary table')) return state;
      return apply(state, effect);
    }
    default:
      return apply(state, effect);
  }
}

/** Temporary tables are told apart with their schema: the default one when they were written without. */
function pinName(state: SessionState, kind: PinKind, name: string): string {
  return kind === 'temporary table' && name.startsWith('.') ? `${state.schema ?? ''}${name}` : name;
}

/** What the server itself says about the session. */
function tracked(state: SessionState, resolved: Resolved, outcome: Outcome): SessionState {
  let next = state;
  for (const [name, value] of outcome.variables) {
    if (name === 'last_gtid' || name === 'autocommit') continue;
    const charset = toldCharset(name, resolved);
    if (charset === 'known') continue;
    next =
      charset === 'collation unknown'
        ? unresolve(next, ['collation_connection'])
        : setVariable(next, sameVariable.get(name) ?? name, asLiteral(value));
  }
  if (outcome.schema !== undefined) {
    next = { ...next, schema: outcome.schema === '' ? undefined : outcome.schema };
  }
  if (outcome.status === undefined) return next;
  const { sqlMode } = next.modes;
  const noBackslashEscapes = (outcome.status & status.noBackslashEscapes) !== 0;
  if (sqlMode !== undefined && sqlMode.noBackslashEscapes !== noBackslashEscapes) {
    next = { ...next, modes: { ...next.modes, sqlMode: { ...sqlMode, noBackslashEscapes } } };
  }
  const autocommit = (outcome.status & status.autocommit) !== 0;
  const pins = autocommit
    ? removePin(next.pins, 'autocommit', undefined)
    : addPin(next.pins, 'autocommit', '');
  return pins === next.pins ? next : { ...next, pins };
}

/**
 * What a character set that the server tells of is worth beside the statement's own words. Setting it would give its
 * default collation, also to the definitions in results: SET NAMES … COLLATE or SET collation_connection meant another.
 */
function toldCharset(name: string, { statement }: Resolved): 'known' | 'collation unknown' | undefined {
  if (name !== 'character_set_connection' && !charsetVariables.includes(name)) return undefined;
  const { effects, parts } = statement;
  const alone = parts <= 1;
  if (alone && effects.some(({ kind }) => kind === 'names')) return 'known';
  if (name !== 'character_set_connection') return undefined;
  const changed = effects.flatMap((effect) => {
    if (effect.kind === 'set') return [effect.variable];
    return effect.kind === 'evaluate' ? effect.variables : [];
  });
  if (alone && changed.includes('collation_connection')) return 'known';
  return alone && changed.includes(name) ? undefined : 'collation unknown';
}

/** Follows the transaction by the status flags; an ERR has none, and leaves what was. */
function transactionAfter(state: SessionState, resolved: Resolved, outcome: Outcome): SessionState {
  if (outcome.status === undefined) return state;
  const before = state.transaction;
  const { effects, implicitCommit } = resolved.statement;
  const begin = effects.find((effect) => effect.kind === 'begin');
  // What ran beside a transaction on another member doesn't change it.
  const elsewhere = before !== undefined && before.member !== outcome.member;
  if (elsewhere && begin === undefined && !implicitCommit) return state;
  if ((outcome.status & status.inTransaction) === 0) {
    if (before === undefined) return state;
    return { ...state, transaction: undefined, pins: removePin(state.pins, 'next transaction', undefined) };
  }
  if (begin === undefined && before !== undefined) {
    const untouched =
      before.untouched && (resolved.target === 'any' || resolved.statement.class === 'session');
    return untouched === before.untouched ? state : { ...state, transaction: { ...before, untouched } };
  }
  const transaction: Transaction = {
    member: outcome.member,
    role: outcome.role,
    readOnly: (outcome.status & status.inReadOnlyTransaction) !== 0,
    untouched: begin !== undefined && !begin.snapshot,
  };
  // START TRANSACTION gives table locks back.
  const pins = begin === undefined ? state.pins : removePin(state.pins, 'table locks', undefined);
  return { ...state, transaction, pins };
}

/** Whether a statement can have shown or changed rows or definitions. */
function touchesData({ statement }: Resolved): boolean {
  switch (statement.class) {
    case 'read':
      return statement.tables.length > 0 || statement.routines.length > 0;
    case 'write':
    case 'ddl':
    case 'unknown':
      return true;
    default:
      return statement.routines.length > 0 || statement.reason === 'handler';
  }
}

/** What later reads of the session must see. */
function seen(state: SessionState, resolved: Resolved, outcome: Outcome): SessionState {
  const { member, epoch, position, endedMs, role } = outcome;
  if (role === 'primary') {
    if (position !== undefined) {
      return { ...state, freshness: afterWrite(state.freshness, member, { epoch, position }) };
    }
    if (!touchesData(resolved) && outcome.ok) return state;
    return { ...state, freshness: withPending(state.freshness, { member, epoch, endedMs }) };
  }
  if (!touchesData(resolved)) return state;
  const freshness = withPending(state.freshness, { member, epoch, endedMs });
  return { ...state, freshness, readFrom: member };
}
