/**
 * Entries of the block-list and how two lists become one; pure. Every host keeps all of them; the newest change of an
 * address wins, so lists that grew apart while the quorum was away agree again in any order. A removal is an entry too,
 * kept long enough to reach everybody.
 */
import { parseNetwork } from './network.ts';

export interface BlockEntry {
  /** Canonical address or network; the entry's identity. */
  readonly address: string;
  /** End of the block; null: until removed. Milliseconds since the Unix epoch, as all times here. */
  readonly untilMs: number | null;
  readonly reason: string;
  readonly by: string;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly removed: boolean;
}

export type BlockEntries = ReadonlyMap<string, BlockEntry>;

/** How long a removal or an expired entry is remembered. */
export const tombstoneMs = 7 * 86_400_000;

export function isActive(entry: BlockEntry, nowMs: number): boolean {
  return !entry.removed && (entry.untilMs === null || entry.untilMs > nowMs);
}

/** Negative when `left` is older. Equal times are settled by content, the same way on every host. */
export function compareAge(left: BlockEntry, right: BlockEntry): number {
  if (left.changedAtMs !== right.changedAtMs) return left.changedAtMs - right.changedAtMs;
  if (left.removed !== right.removed) return left.removed ? 1 : -1;
  const [a, b] = [JSON.stringify(left), JSON.stringify(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

export function mergeEntries(left: BlockEntries, right: Iterable<BlockEntry>): BlockEntries {
  const merged = new Map(left);
  for (const entry of right) {
    const known = merged.get(entry.address);
    if (known === undefined || compareAge(known, entry) < 0) merged.set(entry.address, entry);
  }
  return merged;
}

/** Without what nobody needs to remember any more. */
export function pruneEntries(entries: BlockEntries, nowMs: number): BlockEntries {
  const old = (entry: BlockEntry) => {
    const endMs = entry.removed ? entry.changedAtMs : (entry.untilMs ?? Number.POSITIVE_INFINITY);
    return endMs + tombstoneMs < nowMs;
  };
  return new Map([...entries].filter(([, entry]) => !old(entry)));
}

/** A change made here and now is newer than whatever it replaces, also when another host's clock is ahead. */
export function changeTime(known: BlockEntry | undefined, nowMs: number): number {
  return Math.max(nowMs, (known?.changedAtMs ?? 0) + 1);
}

/** Undefined for anything that is not an entry: files and etcd are read with care. */
export function parseEntry(raw: unknown): BlockEntry | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const entry = raw as Record<string, unknown>;
  const { address, untilMs, reason, by, createdAtMs, changedAtMs, removed } = entry;
  if (typeof address !== 'string' || parseNetwork(address)?.text !== address) return undefined;
  if (untilMs !== null && typeof untilMs !== 'number') return undefined;
  if (typeof createdAtMs !== 'number' || typeof changedAtMs !== 'number') return undefined;
  return {
    address,
    untilMs,
    reason: typeof reason === 'string' ? reason : '',
    by: typeof by === 'string' ? by : '',
    createdAtMs,
    changedAtMs,
    removed: removed === true,
  };
}
