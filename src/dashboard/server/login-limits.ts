/**
 * How often a password may be tried. By address: so many failures in a window. By account: from the fifth failure in a
 * row a pause that doubles up to a minute; never a lock, which would let anybody shut an operator out for good.
 */

const windowMs = 300_000;
const failuresPerAddress = 20;
const freeFailures = 5;
const longestPauseMs = 60_000;
/** An attacker with many addresses must not fill the memory. */
const maxEntries = 10_000;

interface Account {
  readonly failures: number;
  readonly lastMs: number;
}

export class LoginLimits {
  readonly #addresses = new Map<string, number[]>();
  readonly #accounts = new Map<string, Account>();

  /** Milliseconds to wait before this may be tried; 0: now. */
  waitMs(address: string, account: string, nowMs: number): number {
    const recent = this.#recent(address, nowMs);
    const byAddress = recent.length < failuresPerAddress ? 0 : (recent[0] ?? nowMs) + windowMs - nowMs;
    const known = this.#accounts.get(account);
    const byAccount = known === undefined ? 0 : known.lastMs + pauseMs(known.failures) - nowMs;
    return Math.max(0, byAddress, byAccount);
  }

  failed(address: string, account: string, nowMs: number): void {
    bound(this.#addresses);
    bound(this.#accounts);
    const recent = this.#recent(address, nowMs);
    this.#addresses.delete(address);
    this.#addresses.set(address, [...recent, nowMs]);
    const failures = (this.#accounts.get(account)?.failures ?? 0) + 1;
    this.#accounts.delete(account);
    this.#accounts.set(account, { failures, lastMs: nowMs });
  }

  /** Takes back what was counted as a failure at `atMs`, before it was known. */
  succeeded(address: string, account: string, atMs: number): void {
    this.#accounts.delete(account);
    const counted = this.#addresses.get(address) ?? [];
    const index = counted.indexOf(atMs);
    if (index >= 0) counted.splice(index, 1);
  }

  #recent(address: string, nowMs: number): number[] {
    return (this.#addresses.get(address) ?? []).filter((atMs) => nowMs - atMs < windowMs);
  }
}

function pauseMs(failures: number): number {
  return failures < freeFailures ? 0 : Math.min(longestPauseMs, 1_000 * 2 ** (failures - freeFailures));
}

/** The oldest go first: maps keep the order of insertion. */
function bound(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size < maxEntries) return;
    map.delete(key);
  }
}
