import assert from 'node:assert/strict';
import type { ConsistencyLevel } from '#src/routing/statement.ts';
import { seededRandom } from '#test/support/random.ts';
import { RoutedPair } from '#test/support/sql/routed-pair.ts';
import { sleep } from '#test/support/wait.ts';
import type { Evidence, OwnPoint } from './point.ts';

interface Counts {
  readonly sessions: number;
  /** For each level. */
  readonly statements: number;
  /** Below what two cores that run everything can do, so that the replica keeps up: no lag is the condition. */
  readonly perSecond: number;
}

interface Offload {
  readonly level: string;
  readonly reads: number;
  readonly writes: number;
  /** SELECTs of the load that the primary ran, by its own counter (USER_STATISTICS). */
  readonly primarySelects: number;
  /** All SELECTs on the primary, the routers' questions for positions included (Com_select). */
  readonly primaryComSelect: number;
  /** With the questions whether the replica has a position yet. */
  readonly replicaSelects: number;
  readonly replicaSharePercent: number;
  readonly statementsPerSecond: number;
}

const keys = 1_000;
const writeShare = 0.1;
const leastPercent = 95;
const levels: readonly (ConsistencyLevel | undefined)[] = [
  undefined,
  'session',
  'host',
  'global',
  'eventual',
];

async function mix(
  pair: RoutedPair,
  { sessions, statements, perSecond }: Counts,
  level: ConsistencyLevel | undefined,
  hint = '',
): Promise<Offload> {
  const all = await Promise.all(Array.from({ length: sessions }, (_, index) => pair.session(index)));
  if (level !== undefined) {
    await Promise.all(all.map((session) => session.query(`SET @tandem_consistency = '${level}'`)));
  }
  let [reads, writes] = [0, 0];
  const before = await pair.selects();
  const beganMs = performance.now();
  await Promise.all(
    all.map(async (session, index) => {
      const random = seededRandom(index + 1);
      for (let count = 0; count < statements / sessions; count++) {
        const dueMs = beganMs + (1_000 * (count * sessions + index)) / perSecond;
        const leftMs = dueMs - performance.now();
        if (leftMs > 0) await sleep(leftMs);
        const id = Math.floor(random() * keys);
        if (random() < writeShare) {
          await session.query(`UPDATE kv SET v = v + 1 WHERE id = ${id}`);
          writes++;
        } else {
          await session.query(`${hint}SELECT v FROM kv WHERE id = ${id}`);
          reads++;
        }
      }
    }),
  );
  const seconds = (performance.now() - beganMs) / 1_000;
  const after = await pair.selects();
  await Promise.all(all.map((session) => session.end()));
  const primarySelects = after.primary.load - before.primary.load;
  return {
    level: level ?? 'default',
    reads,
    writes,
    primarySelects,
    primaryComSelect: after.primary.all - before.primary.all,
    replicaSelects: after.replica.load - before.replica.load,
    replicaSharePercent: Math.round((1 - primarySelects / reads) * 1_000) / 10,
    statementsPerSecond: Math.round((reads + writes) / seconds),
  };
}

function check({ level, reads, primarySelects, replicaSelects, replicaSharePercent }: Offload): void {
  assert.ok(
    replicaSharePercent >= leastPercent,
    `level ${level}: the primary ran ${primarySelects} of ${reads} reads: ${replicaSharePercent} % on the replica`,
  );
  // What the primary didn't run must have run somewhere.
  assert.ok(
    replicaSelects >= reads - primarySelects,
    `level ${level}: the replica ran only ${replicaSelects}`,
  );
}

export const offload: OwnPoint<Counts> = {
  kind: 'own',
  id: 'router-3',
  title:
    "Offload: of 90 reads to 10 writes at least 95 % of the reads run on the replica, by the primary's own counters",
  inSuite: false,
  small: { sessions: 64, statements: 4_000, perSecond: 2_000 },
  full: { sessions: 64, statements: 30_000, perSecond: 2_000 },
  async run(_place, { counts, log }): Promise<Evidence> {
    const pair = await RoutedPair.start(2, keys);
    try {
      const seen: Offload[] = [];
      for (const level of levels) {
        const result = await mix(pair, counts, level);
        log(JSON.stringify(result));
        seen.push(result);
      }
      for (const result of seen) check(result);
      // What was sent to the primary must show in its counter, or the counter proves nothing.
      const control = await mix(pair, { ...counts, statements: 4_000 }, undefined, '/* tandem:primary */ ');
      assert.throws(() => check(control), /of \d+ reads/);
      // Reported, not judged: as fast as it goes the replica has to share the cores, and falls behind.
      const saturated = await mix(pair, { ...counts, perSecond: Number.POSITIVE_INFINITY }, undefined);
      return { levels: seen, saturated, control };
    } finally {
      await pair.close();
    }
  },
};
