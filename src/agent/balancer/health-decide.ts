/**
 * What keepalived is told of HAProxy; pure. A connection refused or cut says at once that it is dead; an answer that is late may
 * be a busy machine, so it takes two in a row (0.6 s) to call it frozen. A while of answers is needed to rise again.
 * A HAProxy that lives but has no web host to send to stands back behind one that has: after its host was cut off it
 * must not take the address back before its own checks have found the web hosts again.
 */

/** `gone`: nobody took the connection; `late`: nobody answered in time. */
export type Answer = 'serving' | 'empty' | 'gone' | 'late';
export type Level = 'serving' | 'empty' | 'dead';

/** What keepalived reads: added to the priority (track_file, weight 1); -254 is a fault, whatever the priority. */
export const trackValue: Readonly<Record<Level, string>> = { serving: '0', empty: '-100', dead: '-254' };

export interface HealthState {
  readonly level: Level;
  /** Since when every probe was answered, and answered by a HAProxy with web hosts (monotonic). */
  readonly answeredSinceMs: number | undefined;
  readonly servingSinceMs: number | undefined;
  /** Late answers in a row. */
  readonly lateCount: number;
}

export const initialHealth: HealthState = {
  level: 'dead',
  answeredSinceMs: undefined,
  servingSinceMs: undefined,
  lateCount: 0,
};

/** Before it rises; a HAProxy that comes and goes shall not take the address with it. */
export const steadyMs = 500;
const mostLate = 1;

export function nextHealth(state: HealthState, answer: Answer, nowMs: number): HealthState {
  if (answer === 'late' && state.lateCount < mostLate) return { ...state, lateCount: state.lateCount + 1 };
  if (answer === 'gone' || answer === 'late') return initialHealth;
  const answeredSinceMs = state.answeredSinceMs ?? nowMs;
  const servingSinceMs = answer === 'serving' ? (state.servingSinceMs ?? nowMs) : undefined;
  const lasted = (sinceMs: number | undefined) => sinceMs !== undefined && nowMs - sinceMs >= steadyMs;
  const level = (): Level => {
    if (state.level === 'dead' && !lasted(answeredSinceMs)) return 'dead';
    if (answer === 'serving' && (state.level === 'serving' || lasted(servingSinceMs))) return 'serving';
    return 'empty';
  };
  return { level: level(), answeredSinceMs, servingSinceMs, lateCount: 0 };
}
