/** What the workers of a router share without asking each other: ids and connections to the members. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstIdOf, idsPerWorker, ownerOfId, workerSlots } from '#src/router/kill/connection-ids.ts';
import { defaultWorkers } from '#src/router/workers/count.ts';
import { sharesOf } from '#src/router/workers/quota.ts';
import { connectionsPerWorker, maxRouters } from '#src/spec/router-settings.ts';

const owner = fc.record({
  router: fc.integer({ min: 1, max: maxRouters }),
  slot: fc.integer({ min: 0, max: workerSlots - 1 }),
});

test("an id says whose it is; no two owners have one in common, and none is a server's", () => {
  fc.assert(
    fc.property(owner, fc.integer({ min: 0, max: idsPerWorker - 1 }), (of, count) => {
      const id = firstIdOf(of) + count;
      expect(ownerOfId(id)).toEqual(of);
      expect(id).toBeLessThan(2 ** 31);
    }),
  );
  expect([1, 2 ** 30 - 1, 2 ** 31, 2 ** 32 - 1].map(ownerOfId)).toEqual(Array(4).fill(undefined));
});

test('workers together have no more connections than the router, and each that serves has one if it can', () => {
  const workers = fc.integer({ min: 1, max: 8 });
  const held = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(workers, held, fc.integer({ min: 1, max: 200 }), (serving, draining, limit) => {
      const shares = sharesOf(limit, { draining, serving });
      const taken = draining.reduce((sum, each) => sum + each, 0);
      const given = shares.reduce((sum, each) => sum + each, 0);
      expect(shares).toHaveLength(serving);
      expect(given).toBeLessThanOrEqual(Math.max(0, limit - taken));
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      if (limit - taken >= serving) expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
    }),
  );
  expect(sharesOf(90, { draining: [], serving: 1 })).toEqual([90]);
  expect(sharesOf(90, { draining: [], serving: 2 })).toEqual([44, 44]);
});

test.each([
  [1, 1],
  [2, 1],
  [3, 1],
  [4, 2],
  [8, 4],
  [64, 8],
])('%i cores: %i workers', (cores, workers) => {
  expect(defaultWorkers(90, cores)).toBe(workers);
});

test('few connections to a member are for few workers', () => {
  expect(defaultWorkers(2 * connectionsPerWorker, 64)).toBe(2);
  expect(defaultWorkers(1, 64)).toBe(1);
});
