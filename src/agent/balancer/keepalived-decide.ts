/** Whether keepalived lives up to the address that this host holds; pure. */

export interface KeepalivedObservation {
  /** This host's interface has a floating address. */
  readonly holds: boolean;
  /** Process id of the VRRP process; undefined when there is none. */
  readonly pid: number | undefined;
  /** Voluntary and other context switches of it so far: a holder wakes for each advert, so the sum grows. */
  readonly switches: number;
  /** In state T (stopped) or t: it will not run before somebody continues it. */
  readonly stopped: boolean;
  readonly atMs: number;
}

export interface KeepalivedState {
  readonly pid: number | undefined;
  readonly switches: number;
  /** Since when nothing moved (monotonic). */
  readonly sinceMs: number;
}

export type KeepalivedVerdict = 'fine' | 'frozen' | 'gone';

/** It is looked at five times a second only. */
const shortestStandstillMs = 450;

export const initialKeepalived: KeepalivedState = { pid: undefined, switches: -1, sinceMs: 0 };

/** How long a holder may stand still: by then another balancer has missed enough adverts to take the address. */
export function standstillMs(advertMs: number): number {
  return Math.max(shortestStandstillMs, 4.5 * advertMs);
}

/** `limitMs`: how long it may stand still, or be away, while the host holds an address. */
export function judgeKeepalived(
  state: KeepalivedState,
  seen: KeepalivedObservation,
  limitMs: number,
): { readonly state: KeepalivedState; readonly verdict: KeepalivedVerdict } {
  const moved = seen.pid !== state.pid || seen.switches !== state.switches || !seen.holds;
  const next = moved ? { pid: seen.pid, switches: seen.switches, sinceMs: seen.atMs } : state;
  const still = seen.holds && seen.atMs - next.sinceMs >= (seen.stopped ? limitMs / 2 : limitMs);
  if (!still) return { state: next, verdict: 'fine' };
  return { state: next, verdict: seen.pid === undefined ? 'gone' : 'frozen' };
}
