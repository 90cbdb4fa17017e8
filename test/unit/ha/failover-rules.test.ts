import { expect, test } from 'vitest';
import { describeRules } from '#src/ha/describe.ts';
import { rules } from '#src/ha/rules.ts';

test('docs/failover-rules.md is what the table says', async () => {
  await expect(describeRules()).toMatchFileSnapshot('../../../docs/failover-rules.md');
});

test('numbers and names are unique, and every rule says why it is there', () => {
  expect(new Set(rules.map((rule) => rule.number)).size).toBe(rules.length);
  expect(new Set(rules.map((rule) => rule.name)).size).toBe(rules.length);
  for (const { comment } of rules) expect(comment.length).toBeGreaterThan(30);
});
