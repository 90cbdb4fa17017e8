/**
 * Pairs of a write and a read through SQL routers, by sessions side by side. Each writes a counter of its own that only
 * grows, and then reads it together with another's, so that three things can be counted: reads that miss the write
 * before them, reads that miss what any session had been told by then, and sessions that see a counter fall.
 */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { ConsistencyLevel } from '#src/routing/statement.ts';
import { seededRandom } from '#test/support/random.ts';
import { sleep } from '#test/support/wait.ts';
import type { RoutedPair } from './routed-pair.ts';

export interface Arrangement {
  readonly name: string;
  /** Undefined is the product's default. */
  readonly level: ConsistencyLevel | undefined;
  /** Read on the session that wrote, on another one of the same router, or on one of the other router. */
  readonly readOn: 'same session' | 'same router' | 'other router';
  /** Put before every second read. */
  readonly hint?: string;
}

export interface Pairs {
  readonly arrangement: string;
  readonly pairs: number;
  /** Reads that didn't show the pair's own write. */
  readonly stale: number;
  /** Reads that didn't show what some session had been told before the read began. Only `global` promises this. */
  readonly staleAcross: number;
  /** Reads that showed less than an earlier read, or write, of their session. */
  readonly stepsBack: number;
  /** Of the reads, by the primary's own count of SELECTs. */
  readonly replicaSharePercent: number;
  readonly primarySelects: number;
  /** With the questions whether the replica has a position yet. */
  readonly replicaSelects: number;
  readonly pairsPerSecond: number;
}

/** What has been acknowledged of each counter; kv.id is the index. */
export type Acknowledged = number[];

interface Tally {
  stale: number;
  staleAcross: number;
  stepsBack: number;
}

interface Sessions {
  readonly writer: Connection;
  readonly reader: Connection;
}

async function open(pair: RoutedPair, index: number, { level, readOn }: Arrangement): Promise<Sessions> {
  const writer = await pair.session(index);
  const reader =
    readOn === 'same session' ? writer : await pair.session(readOn === 'same router' ? index : index + 1);
  if (level !== undefined) {
    for (const session of new Set([writer, reader])) {
      await session.query(`SET @tandem_consistency = '${level}'`);
    }
  }
  return { writer, reader };
}

/** One session's share of the pairs; it writes the counter `own`. */
async function work(
  { writer, reader }: Sessions,
  own: number,
  count: number,
  hint: string,
  acknowledged: Acknowledged,
  tally: Tally,
  perSecond: number,
): Promise<void> {
  const random = seededRandom(own + 1);
  const seen: number[] = [];
  const beganMs = performance.now();
  for (let index = 0; index < count; index++) {
    const dueMs = beganMs + (1_000 * (index * acknowledged.length + own)) / perSecond;
    const leftMs = dueMs - performance.now();
    if (leftMs > 0) await sleep(leftMs);
    const value = (acknowledged[own] ?? 0) + 1;
    await writer.query(`UPDATE kv SET v = ${value} WHERE id = ${own}`);
    acknowledged[own] = value;
    if (writer === reader) seen[own] = value;
    const other = Math.floor(random() * acknowledged.length);
    const told = acknowledged[other] ?? 0;
    const [rows] = await reader.query<RowDataPacket[]>(
      `${index % 2 === 1 ? hint : ''}SELECT id, v FROM kv WHERE id IN (${own}, ${other})`,
    );
    if (rows.length !== (own === other ? 1 : 2))
      throw new Error(`${rows.length} rows of ${own} and ${other}`);
    for (const { id, v } of rows as { id: number; v: number }[]) {
      if (id === own && v < value) tally.stale++;
      if (id === other && v < told) tally.staleAcross++;
      if (v < (seen[id] ?? 0)) tally.stepsBack++;
      seen[id] = Math.max(v, seen[id] ?? 0);
    }
  }
}

/** Runs `pairs` pairs, divided over as many sessions as there are counters, at most so many in a second. */
export async function writeThenRead(
  pair: RoutedPair,
  arrangement: Arrangement,
  pairs: number,
  acknowledged: Acknowledged,
  perSecond = Number.POSITIVE_INFINITY,
): Promise<Pairs> {
  const all = await Promise.all(acknowledged.map((_, index) => open(pair, index, arrangement)));
  const tally: Tally = { stale: 0, staleAcross: 0, stepsBack: 0 };
  const each = Math.ceil(pairs / acknowledged.length);
  const before = await pair.selects();
  const beganMs = performance.now();
  await Promise.all(
    all.map((sessions, own) =>
      work(sessions, own, each, arrangement.hint ?? '', acknowledged, tally, perSecond),
    ),
  );
  const seconds = (performance.now() - beganMs) / 1_000;
  const after = await pair.selects();
  for (const { writer, reader } of all) await Promise.all([writer.end(), reader === writer || reader.end()]);
  const reads = each * acknowledged.length;
  const primarySelects = after.primary.load - before.primary.load;
  return {
    arrangement: arrangement.name,
    pairs: reads,
    ...tally,
    replicaSharePercent: Math.round((1 - primarySelects / reads) * 1_000) / 10,
    primarySelects,
    replicaSelects: after.replica.load - before.replica.load,
    pairsPerSecond: Math.round(reads / seconds),
  };
}
