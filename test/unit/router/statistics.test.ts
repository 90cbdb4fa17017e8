import { expect, test } from 'vitest';
import { ClassStatistics, latencyBoundsUs } from '#src/router/operation/statistics.ts';
import { StatementText } from '#src/router/session/statement-text.ts';

test('a latency is counted between the bounds that it lies between', () => {
  for (const us of [0, 1, 63, 65, 127, 129, 5_000, 1_000_000, 67_000_000, 500_000_000]) {
    const counted = new ClassStatistics();
    counted.add(us / 1_000, 2, 30);
    const bucket = counted.buckets.indexOf(1);
    expect(us).toBeLessThanOrEqual(latencyBoundsUs[bucket] ?? Number.POSITIVE_INFINITY);
    expect(us).toBeGreaterThanOrEqual(latencyBoundsUs[bucket - 1] ?? 0);
    expect(counted).toMatchObject({ statements: 1, rows: 2, bytes: 30, tookMs: us / 1_000 });
  }
});

test('the text of a statement is kept apart from the bytes that it came in', () => {
  const text = new StatementText();
  const bytes = Buffer.from('....SELECT 1....');
  text.keep(bytes, 4, 12);
  bytes.fill(0);
  expect(text.bytes.toString()).toBe('SELECT 1');
  expect(text.cut).toBe(false);
  text.keep(Buffer.alloc(10_000, 'x'), 0, 10_000);
  expect(text.bytes.toString()).toBe('x'.repeat(2_048));
  expect(text.cut).toBe(true);
  text.keep(Buffer.from('DO 1'), 0, 4);
  expect(text.bytes.toString()).toBe('DO 1');
});
