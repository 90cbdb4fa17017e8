/** The one silence that there is while maintenance is on; pure. */

/** Of Alertmanager, made by an agent for maintenance, not expired. */
export interface Silence {
  readonly id: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

export type SilenceAction =
  | { readonly kind: 'nothing' }
  /** A new one, or (with an id) the end of that one put off. */
  | { readonly kind: 'set'; readonly id?: string; readonly endsAtMs: number }
  | { readonly kind: 'expire'; readonly ids: readonly string[] };

/** When all agents die the silence ends by itself, this late. */
export const silenceMs = 3_600_000;
/** How long the second host waits for the first to make it; by then either has told the other. */
export const standInAfterMs = 15_000;

/**
 * `sinceMs`: since when this agent has seen maintenance on, undefined when it is off. `position`: 0 on the host that makes
 * the silence, more on those that stand in for it.
 */
export function decideSilence(
  sinceMs: number | undefined,
  silences: readonly Silence[],
  position: number,
  nowMs: number,
): SilenceAction {
  const [first, ...others] = silences.toSorted(
    (left, right) => left.startsAtMs - right.startsAtMs || (left.id < right.id ? -1 : 1),
  );
  if (sinceMs === undefined) {
    return first === undefined ? { kind: 'nothing' } : { kind: 'expire', ids: silences.map(({ id }) => id) };
  }
  if (others.length > 0) return { kind: 'expire', ids: others.map(({ id }) => id) };
  if (first !== undefined) {
    const endsSoon = first.endsAtMs - nowMs < silenceMs / 2;
    return endsSoon ? { kind: 'set', id: first.id, endsAtMs: nowMs + silenceMs } : { kind: 'nothing' };
  }
  const isMine = nowMs - sinceMs >= position * standInAfterMs;
  return isMine ? { kind: 'set', endsAtMs: nowMs + silenceMs } : { kind: 'nothing' };
}
