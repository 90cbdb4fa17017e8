import { expect, test } from 'vitest';
import { PrimaryHistory } from '#src/router/topology/primary-history.ts';

const at = (sequence: number) => [{ domain: 0, server: 1, sequence }];
const replicaAt = (sequence: number, epoch = 1) =>
  ({ name: 'db-2', role: 'replica', epoch, applied: at(sequence), logged: undefined, askedMs: 0 }) as const;

/** The primary writes once a millisecond and is asked as often. */
function asked(forMs: number): PrimaryHistory {
  const history = new PrimaryHistory();
  for (let ms = 1; ms <= forMs; ms++) history.remember({ askedMs: ms, epoch: 1, logged: at(ms) });
  return history;
}

test.each([1, 5, 20, 200, 1_000, 10_000, 60_000])(
  'a replica that stopped %i ms ago is that far behind, however often the primary was asked since',
  (lagMs) => {
    const nowMs = 100_000;
    const lag = asked(nowMs).lag(replicaAt(nowMs - lagMs), nowMs, 1) ?? Number.NaN;
    expect(lag).toBeLessThanOrEqual(lagMs);
    expect(lag).toBeGreaterThanOrEqual((7 / 8) * lagMs - 1);
  },
);

test('a level replica is 0 behind, and the space is bounded', () => {
  const history = asked(100_000);
  expect(history.lag(replicaAt(100_000), 100_000, 1)).toBe(0);
  expect(history.size).toBeLessThanOrEqual(512);
});

test('a primary of another epoch says nothing; a replica of an older one is behind', () => {
  const history = asked(10);
  expect(history.lag(replicaAt(10, 2), 10, 2)).toBeUndefined();
  history.remember({ askedMs: 20, epoch: 2, logged: at(8) });
  expect(history.lag(replicaAt(9, 1), 25, 2)).toBe(5 + 10);
  expect(history.lag(replicaAt(9, 2), 25, 2)).toBe(0);
});

test('after a rest in which nobody asked, what a replica lacks may be as old as the rest', () => {
  const history = asked(10);
  history.remember({ askedMs: 60_000, epoch: 1, logged: at(11) });
  expect(history.lag(replicaAt(11), 60_001, 1, true)).toBe(0);
  expect(history.lag(replicaAt(10), 60_001, 1, true)).toBe(60_001 - 10);
  expect(history.lag(replicaAt(10), 60_001, 1)).toBe(1);
});
