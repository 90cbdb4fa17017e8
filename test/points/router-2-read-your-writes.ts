import assert from 'node:assert/strict';
import {
  type Acknowledged,
  type Arrangement,
  type Pairs,
  writeThenRead,
} from '#test/support/sql/read-your-writes.ts';
import { type ReplicaDelay, RoutedPair } from '#test/support/sql/routed-pair.ts';
import type { Evidence, OwnPoint } from './point.ts';

interface Counts {
  readonly sessions: number;
  /** For each delay, divided evenly over the arrangements. */
  readonly pairs: number;
}

const delays: readonly ReplicaDelay[] = ['none', '50 ms', '1 s', 'stopped'];

/**
 * A pace that the replica keeps up with, so that it is behind by no more than the delay and answers reads: as fast as two
 * cores allow, it falls behind by itself until it is left out, and the primary answers everything.
 */
const pairsPerSecond = 600;

const onPrimary = '/* tandem:primary */ ';

/** What is promised of the reads, beside that a session never steps back. */
type Promised = 'no step back' | 'own write' | 'every write';

const arrangements: readonly (Arrangement & { readonly promised: Promised })[] = [
  { name: 'same session, level session', level: 'session', readOn: 'same session', promised: 'own write' },
  {
    // Its writes would bring a session up to date: only one that reads alone, here and there, could step back.
    name: 'another connection, level session, every second read on the primary',
    level: 'session',
    readOn: 'same router',
    hint: onPrimary,
    promised: 'no step back',
  },
  {
    name: 'another connection, same router, level host',
    level: 'host',
    readOn: 'same router',
    promised: 'own write',
  },
  {
    name: 'another connection, same router, default level',
    level: undefined,
    readOn: 'same router',
    promised: 'every write',
  },
  {
    name: 'the other router, default level',
    level: undefined,
    readOn: 'other router',
    promised: 'every write',
  },
  { name: 'all sessions, level global', level: 'global', readOn: 'same session', promised: 'every write' },
];

/** A level that promises nothing: what counts to 0 elsewhere must count here, or the counting is blind. */
const control: Arrangement = {
  name: 'control: the other router, level eventual, every second read on the primary',
  level: 'eventual',
  readOn: 'other router',
  hint: onPrimary,
};

function check(where: string, promised: Promised, seen: Pairs): void {
  const { pairs, stale, staleAcross, stepsBack } = seen;
  assert.equal(stepsBack, 0, `${where}: ${stepsBack} steps back in time within a session`);
  if (promised === 'no step back') return;
  assert.equal(stale, 0, `${where}: ${stale} of ${pairs} reads missed the write before them`);
  if (promised === 'own write') return;
  assert.equal(staleAcross, 0, `${where}: ${staleAcross} of ${pairs} reads missed another session's write`);
}

export const readYourWrites: OwnPoint<Counts> = {
  kind: 'own',
  id: 'router-2',
  title:
    'Read-your-writes over 64 sessions, replica behind by 0, 50 ms, 1 s and for ever, 100,000 pairs for each delay ' +
    'divided over six arrangements: 0 stale, 0 steps back',
  inSuite: false,
  small: { sessions: 64, pairs: 2_000 },
  full: { sessions: 64, pairs: 100_000 },
  async run(_place, { counts, log }): Promise<Evidence> {
    const pair = await RoutedPair.start(2, counts.sessions);
    try {
      const acknowledged: Acknowledged = Array.from({ length: counts.sessions }, () => 0);
      const seen: Record<string, Pairs[]> = {};
      const run = async (arrangement: Arrangement, pairs: number, perSecond?: number): Promise<Pairs> => {
        const result = await writeThenRead(pair, arrangement, pairs, acknowledged, perSecond);
        log(JSON.stringify(result));
        return result;
      };
      let blind: Pairs | undefined;
      for (const delay of delays) {
        await pair.delay(delay);
        log(`replica behind: ${delay}`);
        const results: Pairs[] = [];
        seen[delay] = results;
        for (const arrangement of arrangements) {
          const result = await run(
            arrangement,
            counts.pairs / arrangements.length,
            delay === 'stopped' ? undefined : pairsPerSecond,
          );
          results.push(result);
          check(`replica behind: ${delay}; ${arrangement.name}`, arrangement.promised, result);
        }
        if (delay === '1 s') {
          await pair.delay(delay);
          blind = await run(control, counts.sessions * 20, pairsPerSecond);
        }
      }
      assert.ok((blind?.stale ?? 0) > 0, 'the control shows no stale read: the counting is blind');
      assert.ok((blind?.staleAcross ?? 0) > 0, 'the control shows no stale read across sessions');
      assert.ok((blind?.stepsBack ?? 0) > 0, 'the control shows no step back: the counting is blind');
      return { replication: 'asynchronous, four conservative appliers', behind: seen, control: blind };
    } finally {
      await pair.close();
    }
  },
};
