/** Differences of clocks; pure. */

/** Beyond this, logs of several hosts can't be read together and expiries drift apart. */
export const worryingOffsetMs = 500;

/** How far the other clock is ahead. */
export function offsetMs(sentMs: number, receivedMs: number, theirsMs: number): number {
  return Math.round(theirsMs - (sentMs + receivedMs) / 2);
}

export function clockWarning(offsets: Readonly<Record<string, number>>): string | undefined {
  const far = Object.entries(offsets).filter(([, offset]) => Math.abs(offset) > worryingOffsetMs);
  if (far.length === 0) return undefined;
  const differences = far.map(([host, offset]) => `${host} by ${(offset / 1_000).toFixed(1)} s`);
  return `The clock differs from ${differences.join(', ')}: check time synchronisation.`;
}
