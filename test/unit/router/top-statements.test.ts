import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TopStatements } from '#src/router/operation/top-statements.ts';

test('a heavy shape is there whatever else comes, and no time is too small', () => {
  const shapes = fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 100 })), {
    minLength: 1,
    maxLength: 400,
  });
  fc.assert(
    fc.property(shapes, (statements) => {
      const size = 8;
      const top = new TopStatements(size);
      const truth = new Map<string, number>();
      let total = 0;
      for (const [shape, ms] of statements) {
        top.add(`s${shape}`, ms, ms, 'db-1', 'a write');
        truth.set(`s${shape}`, (truth.get(`s${shape}`) ?? 0) + ms);
        total += ms;
      }
      const list = top.list(1_000);
      expect(list.length).toBeLessThanOrEqual(size);
      const listed = new Map(list.map((each) => [each.fingerprint, each]));
      for (const [shape, ms] of truth) {
        const found = listed.get(shape);
        if (ms > total / size) expect(found).toBeDefined();
        if (found === undefined) continue;
        expect(found.totalMs).toBeGreaterThanOrEqual(ms);
        expect(found.totalMs - found.atMostTooMuchMs).toBeLessThanOrEqual(ms);
      }
    }),
  );
});

test('most time first, and no more than asked for', () => {
  const top = new TopStatements(10);
  top.add('select ?', 1, 20, 'db-1', 'a write');
  top.add('update t', 100, 100, 'db-1', 'a write');
  top.add('select ?', 3, 20, 'db-1', 'a write');
  expect(top.list(1).map(({ fingerprint }) => fingerprint)).toEqual(['update t']);
  const [, second] = top.list(2);
  // 20 ms of statements of 1 ms, and 20 ms of one of 3 ms.
  expect(second).toMatchObject({ totalMs: 40, longestMs: 3 });
  expect(second?.statements).toBeCloseTo(20 + 20 / 3);
});

test('where the statements of a shape went and why is counted with them', () => {
  const top = new TopStatements(10);
  top.add('select ?', 10, 20, 'db-1', 'fresh');
  top.add('select ?', 10, 40, 'db-2', 'a read');
  top.add('select ?', 10, 20, 'db-1', 'fresh');
  expect(top.list(1)[0]?.routes).toEqual([
    { member: 'db-1', reason: 'fresh', statements: 4 },
    { member: 'db-2', reason: 'a read', statements: 4 },
  ]);
});

test('routes of a shape are bounded', () => {
  const top = new TopStatements(10);
  for (let index = 0; index < 1_000; index += 1) top.add('select ?', 1, 1, `db-${index}`, 'a read');
  expect(top.list(1)[0]?.routes.length).toBeLessThanOrEqual(16);
});
