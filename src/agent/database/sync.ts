/** Whether the primary's commits wait for a replica's acknowledgement; pure. */

export interface SyncObservation {
  readonly mode: 'required' | 'strict' | 'async';
  /** Database members besides the primary. */
  readonly others: number;
  readonly enabled: boolean;
  /** It was enabled when the member was last seen leading; after a restart of the server the switch is off again. */
  readonly wasEnabled: boolean;
  readonly acknowledging: number;
  /** How long nobody has acknowledged; 0 while somebody does. */
  readonly aloneMs: number;
  readonly degradeAfterMs: number;
}

export interface SyncDecision {
  readonly enabled: boolean;
  readonly degraded: boolean;
  readonly reason: string;
}

export function decideSync(seen: SyncObservation): SyncDecision {
  if (seen.mode === 'async') return { enabled: false, degraded: false, reason: 'sync is async' };
  if (seen.others === 0) return { enabled: false, degraded: false, reason: 'there is no other member' };
  if (seen.acknowledging > 0) {
    return { enabled: true, degraded: false, reason: `${seen.acknowledging} replica acknowledges` };
  }
  // Not before the first replica is there: a new database would not answer until then.
  if (!seen.enabled && !seen.wasEnabled) {
    return { enabled: false, degraded: true, reason: 'no replica has acknowledged yet' };
  }
  if (seen.mode === 'strict') {
    return {
      enabled: true,
      degraded: true,
      reason: 'no replica acknowledges, and sync is strict: commits wait',
    };
  }
  if (seen.aloneMs < seen.degradeAfterMs) {
    return { enabled: true, degraded: true, reason: 'no replica acknowledges: commits wait' };
  }
  return {
    enabled: false,
    degraded: true,
    reason: `no replica has acknowledged for ${Math.round(seen.aloneMs / 1_000)} s: commits no longer wait`,
  };
}
