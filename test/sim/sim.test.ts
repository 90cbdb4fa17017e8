import { expect, test } from 'vitest';
import { rules } from '#src/ha/rules.ts';
import { faults } from './faults.ts';
import { runSchedule } from './schedule.ts';
import { tally } from './worker.ts';

const schedules = 6_000;

/** Reached only by schedules too rare for the ordinary suite; `npm run sim` counts them. */
const rare = new Set([29, 30, 31, 52]);

/** Taken when a member leaves: leaving.test.ts. */
const elsewhere = new Set([26]);

/** Violated a property once. */
const found = [
  // An agent that froze before it sent its barrier, and switched the source side off while the barrier waited.
  110233,
  242208, 246548, 292456, 302914, 330829, 442483, 511973, 568099, 610159, 820688, 856456, 942436,
];

test('schedules that have found something', () => {
  for (const seed of found) expect(runSchedule(seed).violation, `seed ${seed}`).toBeNull();
});

test('the same seed gives the same hash, with and without a transcript', () => {
  for (const seed of [1, 2, 3, 104, 7693]) {
    const once = runSchedule(seed);
    expect(runSchedule(seed).hash).toBe(once.hash);
    expect(runSchedule(seed, { trace: true }).hash).toBe(once.hash);
  }
});

test(`${schedules} schedules hold all properties, and take every rule and fault`, () => {
  const sum = tally(1, schedules + 1);
  expect(sum.violations).toEqual([]);
  expect(sum.acknowledged).toBeGreaterThan(schedules);
  const untaken = rules
    .map((rule) => rule.number)
    .filter((n) => !rare.has(n) && !elsewhere.has(n) && (sum.rules[n] ?? 0) === 0);
  expect(untaken).toEqual([]);
  expect(faults.map((fault) => fault.name).filter((name) => (sum.faults[name] ?? 0) === 0)).toEqual([]);
});
