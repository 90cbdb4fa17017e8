import { expect, test } from 'vitest';
import type { Rule } from '#src/ha/view.ts';
import { runLeaving } from './leaving.ts';
import type { Mutation } from './world.ts';

/** `npm run sim -- --leaving` runs many more. */
const schedules = 200;
const timeoutMs = 120_000;

test(`${schedules} schedules in which a member leaves lose nothing`, { timeout: timeoutMs }, () => {
  const was = { primary: 0, standby: 0, replica: 0 };
  const rules: number[] = [];
  for (let seed = 1; seed <= schedules; seed++) {
    const result = runLeaving(seed);
    expect(result.violation, `seed ${seed}`).toBeNull();
    was[result.was] += 1;
    result.rules.forEach((times, rule) => {
      rules[rule] = (rules[rule] ?? 0) + times;
    });
  }
  expect(Math.min(...Object.values(was))).toBeGreaterThan(schedules / 10);
  expect(rules[26] ?? 0).toBeGreaterThan(schedules / 10);
});

test('a standby that is forgotten before another is named would be found', { timeout: timeoutMs }, () => {
  const mutation: Mutation = {
    name: 'names the successor at once',
    rules: (rules) =>
      rules.map(
        (rule): Rule =>
          rule.number !== 26
            ? rule
            : {
                ...rule,
                build: (view) => {
                  const decision = rule.build(view);
                  const [effect] = decision.effects;
                  if (effect?.kind !== 'writeSync' || effect.sync.joining === null) return decision;
                  const sync = { ...effect.sync, members: [view.self, effect.sync.joining], joining: null };
                  return { ...decision, effects: [{ ...effect, sync }] };
                },
              },
      ),
  };
  const violations = Array.from({ length: 100 }, (_, seed) => runLeaving(seed + 1, { mutation }).violation);
  expect(violations.filter((violation) => violation !== null)).not.toEqual([]);
});
