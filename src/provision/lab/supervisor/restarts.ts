/** Back-off and crash-loop accounting of one service: a pure value over a monotonic clock that is handed in. */
import type { RestartPolicy } from '#src/render/service.ts';

/** Ends that nobody asked for: monotonic milliseconds, oldest first. */
export type Exits = readonly number[];

export function recentExits(exits: Exits, policy: RestartPolicy, nowMs: number): Exits {
  return exits.filter((at) => nowMs - at < policy.windowMs);
}

export function isCrashLoop(exits: Exits, policy: RestartPolicy, nowMs: number): boolean {
  return recentExits(exits, policy, nowMs).length >= policy.crashLoopCount;
}

/** Pause before the next start, given the exits so far: none after a quiet time, then doubling. */
export function restartDelayMs(exits: Exits, policy: RestartPolicy, nowMs: number): number {
  const recent = recentExits(exits, policy, nowMs).length;
  if (recent >= policy.crashLoopCount) return policy.maxDelayMs;
  return recent <= 1 ? 0 : Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (recent - 2));
}
