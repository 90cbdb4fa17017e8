/**
 * Anti-flapping as a rule (docs/adr/0303): a few failovers happen at once; when the primary keeps changing without
 * stable times between, each further one waits, which gives a link that comes and goes the time to do either.
 */
import type { State } from './state.ts';

/** Milliseconds for which an automatic failover is still held; 0 when it may go ahead. */
export function holdLeft(state: State): number {
  const { config, now, changes } = state;
  let recent = 0;
  let last = -1;
  for (const at of changes) {
    if (now - at < config.stableAfterMs) {
      recent++;
      last = Math.max(last, at);
    }
  }
  if (recent < config.freeFailovers) return 0;
  const holds = recent - config.freeFailovers + 1;
  return Math.max(0, last + holds * config.flapHoldMs - now);
}
