/** Judges what members hold against what was acknowledged; pure. */
import type { WriteRecord } from './records.ts';

/** What one member holds. */
export interface MemberContent {
  readonly host: string;
  readonly ids: readonly string[];
  readonly balanceSum: number;
  /** `CHECKSUM TABLE` of every table, by name. */
  readonly checksums: Readonly<Record<string, string>>;
}

/** One sentence for each violation; none when all holds. */
export function judge(
  records: readonly WriteRecord[],
  members: readonly MemberContent[],
  expectedSum: number,
): readonly string[] {
  const violations: string[] = [];
  const acknowledged = records.filter(({ outcome }) => outcome === 'acknowledged');
  const refused = new Set(records.filter(({ outcome }) => outcome === 'refused').map(({ id }) => id));
  for (const { host, ids, balanceSum } of members) {
    const held = new Set(ids);
    const lost = acknowledged.filter(({ id }) => !held.has(id));
    if (lost.length > 0) violations.push(`${host} lacks ${lost.length} acknowledged writes: ${some(lost)}`);
    if (held.size !== ids.length) violations.push(`${host} holds ${ids.length - held.size} writes twice`);
    const ghosts = ids.filter((id) => refused.has(id));
    if (ghosts.length > 0)
      violations.push(`${host} holds ${ghosts.length} refused writes: ${ghosts.slice(0, 3)}`);
    if (balanceSum !== expectedSum)
      violations.push(`${host}: the balances add up to ${balanceSum}, not ${expectedSum}`);
  }
  const [first, ...others] = members;
  for (const other of others) {
    const tables = new Set([...Object.keys(first?.checksums ?? {}), ...Object.keys(other.checksums)]);
    for (const table of tables) {
      if (first?.checksums[table] !== other.checksums[table]) {
        violations.push(`${first?.host} and ${other.host} differ in ${table}`);
      }
    }
  }
  return violations;
}

function some(records: readonly WriteRecord[]): string {
  return records
    .slice(0, 3)
    .map(({ id }) => id)
    .join(', ');
}

/** Milliseconds without an acknowledged write: the longest pause between `from` and `to`. */
export function longestPause(records: readonly WriteRecord[], from: number, to: number): number {
  const times = records
    .filter(({ outcome, doneAt }) => outcome === 'acknowledged' && doneAt >= from && doneAt <= to)
    .map(({ doneAt }) => doneAt)
    .sort((a, b) => a - b);
  let longest = 0;
  let last = from;
  for (const time of [...times, to]) {
    longest = Math.max(longest, time - last);
    last = time;
  }
  return longest;
}
