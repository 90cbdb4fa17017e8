/** What ties a session to its connection. */
import type { PinKind } from './effect.ts';
import type { Pin, SessionState } from './session.ts';

/**
 * Kinds for which the connection is kept while other reads may still go to a replica: what needs the state says so in
 * its text (@name, EXECUTE, LAST_INSERT_ID()). All other kinds change what any statement means, or stand for something
 * that others wait for.
 */
const connectionOnly: ReadonlySet<PinKind> = new Set(['user variables', 'prepared statement', 'insert id']);

/** Kinds that count: the same lock may be taken several times. */
const counted: ReadonlySet<PinKind> = new Set(['lock']);

/** More pins of one kind than this are one that nothing ends. */
const mostOfOneKind = 64;

export function addPin(pins: readonly Pin[], kind: PinKind, name: string): readonly Pin[] {
  const same = pins.filter((pin) => pin.kind === kind);
  if (same.some((pin) => pin.name === name) && !counted.has(kind)) return pins;
  // '' stands for all of its kind: it is ended only together with the others.
  if (same.some((pin) => pin.name === '')) return pins;
  const scope = connectionOnly.has(kind) ? 'connection' : 'session';
  if (same.length >= mostOfOneKind) {
    return [...pins.filter((pin) => pin.kind !== kind), { kind, name: '', scope }];
  }
  return [...pins, { kind, name, scope }];
}

/** Ends one pin, or without a name all of the kind. One whose own name is '' is only ended by the latter. */
export function removePin(pins: readonly Pin[], kind: PinKind, name: string | undefined): readonly Pin[] {
  if (name === undefined) {
    return pins.some((pin) => pin.kind === kind) ? pins.filter((pin) => pin.kind !== kind) : pins;
  }
  const index = name === '' ? -1 : pins.findIndex((pin) => pin.kind === kind && pin.name === name);
  return index < 0 ? pins : [...pins.slice(0, index), ...pins.slice(index + 1)];
}

/** The pin that sends every statement to the session's connection; undefined when there is none. */
export function sessionPin(state: SessionState): Pin | undefined {
  return state.pins.find((pin) => pin.scope === 'session');
}

/**
 * Whether the session's connection to the primary must be kept for it between statements. False: it goes back to the
 * pool, and the next one is given the settings. What may be asked about the last statement keeps it for a while: `questionMs`.
 */
export function keepsConnection(state: SessionState): boolean {
  return state.pins.length > 0 || state.transaction !== undefined || state.unresolved.length > 0;
}
