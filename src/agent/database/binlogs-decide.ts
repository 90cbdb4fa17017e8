/** Which binary logs may go: too old or too many, and needed by nobody; pure. */
import type { BinlogFile } from '#src/adapters/mariadb/binlog.ts';

export interface BinlogPolicy {
  readonly expireSeconds: number;
  readonly maxBytes: number;
}

/** The logs that should go by age and size, as the first one to keep; undefined when all stay. */
export function firstToKeep(
  files: readonly BinlogFile[],
  policy: BinlogPolicy,
  nowMs: number,
): string | undefined {
  let totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  let keep = 0;
  // The last one is being written.
  for (const file of files.slice(0, -1)) {
    const expired = nowMs - file.modifiedMs > policy.expireSeconds * 1_000;
    if (!expired && totalBytes <= policy.maxBytes) break;
    totalBytes -= file.sizeBytes;
    keep += 1;
  }
  return keep === 0 ? undefined : files[keep]?.name;
}

/**
 * Whether a member that received `received` needs nothing before `start` (the position at which the first log to keep
 * begins): in every domain it is at least as far.
 */
export function needsNothingBefore(start: string, received: string | undefined): boolean {
  if (received === undefined || received === '') return false;
  const has = sequences(received);
  return [...sequences(start)].every(([domain, sequence]) => (has.get(domain) ?? -1n) >= sequence);
}

/** Highest sequence number by domain of a MariaDB GTID position ("0-1001-42,1-…"). */
function sequences(position: string): ReadonlyMap<string, bigint> {
  const found = new Map<string, bigint>();
  for (const gtid of position.split(',').filter((part) => part !== '')) {
    const [domain = '', , sequence = '0'] = gtid.trim().split('-');
    const value = BigInt(sequence);
    if (value > (found.get(domain) ?? -1n)) found.set(domain, value);
  }
  return found;
}
