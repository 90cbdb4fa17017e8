/** When HAProxy counts as healthy; pure. One missed answer is enough against it, a while of answers is needed for it. */

/** What keepalived reads: added to the priority (track_file, weight 1). */
export const trackValue = { healthy: '0', unhealthy: '-254' } as const;

export interface HealthState {
  readonly healthy: boolean;
  /** Since when every probe was answered (monotonic); undefined while none is. */
  readonly goodSinceMs: number | undefined;
}

export const initialHealth: HealthState = { healthy: false, goodSinceMs: undefined };

/** Before it takes the address back; a HAProxy that comes and goes shall not take the address with it. */
export const steadyMs = 500;

export function nextHealth(state: HealthState, answered: boolean, nowMs: number): HealthState {
  if (!answered) return initialHealth;
  const goodSinceMs = state.goodSinceMs ?? nowMs;
  return { healthy: state.healthy || nowMs - goodSinceMs >= steadyMs, goodSinceMs };
}
