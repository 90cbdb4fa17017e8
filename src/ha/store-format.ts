/**
 * How the keys of `keys.ts` stand in etcd: below one prefix, so that one range reads them all, as JSON texts. What
 * can't be read is an error, never a default: a record that nobody understands must not decide anything.
 */
import { type Position, parsePosition, printPosition } from '#src/gtid/position.ts';
import type { SyncValue } from './effects.ts';
import type { Cluster, HistoryEntry, MemberName, MemberReport, SwitchoverRequest } from './keys.ts';

export const storePrefix = '/tandem/database/';

/** Digits of an epoch in its key, so that keys sort as epochs do. */
const epochDigits = 16;

export const storeKeys = {
  /** The stack's identity; written with the first `sync`, never again. */
  stack: `${storePrefix}stack`,
  leader: `${storePrefix}leader`,
  sync: `${storePrefix}sync`,
  request: `${storePrefix}request`,
  maintenance: `${storePrefix}maintenance`,
  member: (name: MemberName) => `${storePrefix}members/${name}`,
  history: (epoch: number) => `${storePrefix}history/${String(epoch).padStart(epochDigits, '0')}`,
} as const;

/** One key as etcd gives it; `src/adapters/etcd` has the same shape. */
export interface StoredKey {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease: string | undefined;
}

/** Who asked for maintenance, and when. */
export interface MaintenanceRecord {
  readonly by: string;
  readonly sinceMs: number;
}

/** An epoch as it is told to people: when it began, by which rule, and why. */
export interface HistoryRecord extends HistoryEntry {
  /** Wall clock of its primary's host, milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly rule: number;
  readonly sentence: string;
}

export function encodeSync(sync: SyncValue): string {
  return JSON.stringify(sync);
}

export function encodeReport(report: MemberReport): string {
  const { received, applied } = report;
  return JSON.stringify({ ...report, received: printPosition(received), applied: printPosition(applied) });
}

export function encodeHistory(record: HistoryRecord): string {
  return JSON.stringify({ ...record, start: printPosition(record.start) });
}

export function encodeRequest(request: SwitchoverRequest): string {
  return JSON.stringify(request);
}

/** A key of etcd that can't be understood; the message names it. */
export class UnreadableRecord extends Error {}

/** All keys below `storePrefix`, read at `revision`. Throws an `UnreadableRecord`. */
export function decodeCluster(keys: readonly StoredKey[], revision: number): Cluster {
  const byKey = new Map(keys.map((stored) => [stored.key, stored]));
  const leader = byKey.get(storeKeys.leader);
  const sync = byKey.get(storeKeys.sync);
  const request = byKey.get(storeKeys.request);
  return {
    stackId: byKey.get(storeKeys.stack)?.value ?? null,
    revision,
    leader:
      leader === undefined
        ? null
        : { holder: leader.value, createRevision: leader.createRevision, lease: leader.lease ?? '0' },
    sync: sync === undefined ? null : { ...(parse(sync) as SyncValue), modRevision: sync.modRevision },
    members: Object.fromEntries(
      below(keys, `${storePrefix}members/`).map((stored) => {
        const report = decodeReport(stored);
        return [report.member, report];
      }),
    ),
    history: below(keys, `${storePrefix}history/`)
      .map(decodeHistory)
      .sort((a, b) => a.epoch - b.epoch),
    request: request === undefined ? null : (parse(request) as SwitchoverRequest),
    maintenance: byKey.has(storeKeys.maintenance),
  };
}

/** The history for people, ascending; of the keys that `decodeCluster` takes. Throws an `UnreadableRecord`. */
export function decodeHistoryRecords(keys: readonly StoredKey[]): readonly HistoryRecord[] {
  return below(keys, `${storePrefix}history/`)
    .map(decodeHistory)
    .sort((a, b) => a.epoch - b.epoch);
}

function below(keys: readonly StoredKey[], prefix: string): StoredKey[] {
  return keys.filter(({ key }) => key.startsWith(prefix));
}

function parse(stored: StoredKey): object {
  try {
    const value: unknown = JSON.parse(stored.value);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new UnreadableRecord(`etcd holds something unreadable under ${stored.key}`);
}

function decodeReport(stored: StoredKey): MemberReport {
  const raw = parse(stored) as MemberReport & { received: unknown; applied: unknown };
  return { ...raw, received: position(raw.received, stored), applied: position(raw.applied, stored) };
}

function decodeHistory(stored: StoredKey): HistoryRecord {
  const raw = parse(stored) as HistoryRecord & { start: unknown };
  return { ...raw, start: position(raw.start, stored) };
}

function position(text: unknown, stored: StoredKey): Position {
  const parsed = typeof text === 'string' ? parsePosition(text) : undefined;
  if (parsed === undefined)
    throw new UnreadableRecord(`etcd holds a position that can't be read under ${stored.key}`);
  return parsed;
}
