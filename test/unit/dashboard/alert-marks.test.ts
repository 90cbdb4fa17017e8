/** When alerts began, from the times at which they fired; and how often Prometheus is asked. */
import { expect, it } from 'vitest';
import { alertMarks, KeptAlerts } from '#src/dashboard/server/alert-marks.ts';

const minute = 60_000;
const labels = { alertname: 'HostDown', instance: 'lb-2', severity: 'critical' };
const axis = { firstMs: 0, lastMs: 60 * minute, stepMs: minute };
const every = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => (from + index) * minute);

it('marks the beginning of each time that an alert fired, and says how long', () => {
  const times = [...every(5, 9), ...every(30, 60)];
  expect(alertMarks([{ labels, times }], axis)).toEqual([
    { atMs: 5 * minute, kind: 'alert', text: 'HostDown lb-2 (critical), for 5 min' },
    { atMs: 30 * minute, kind: 'alert', text: 'HostDown lb-2 (critical), it goes on' },
  ]);
});

it('does not mark what fired before the range began, and takes a short gap for none', () => {
  expect(alertMarks([{ labels, times: [...every(0, 3), ...every(5, 6)] }], axis)).toEqual([]);
});

it('orders alerts by their times', () => {
  const other = { alertname: 'QuorumLost', severity: 'critical' };
  const marks = alertMarks(
    [
      { labels, times: every(9, 9) },
      { labels: other, times: every(4, 4) },
    ],
    axis,
  );
  expect(marks.map(({ text }) => text)).toEqual([
    'QuorumLost (critical), for 1 min',
    'HostDown lb-2 (critical), for 1 min',
  ]);
});

it('asks once in ten seconds for what ends now, and each time for what ended before; no answer is no mark', async () => {
  let [nowMs, asked, fails] = [1_000_000, 0, false];
  const source = {
    alerts: async () => {
      asked += 1;
      if (fails) throw new Error('away');
      return [{ atMs: 1, kind: 'alert' as const, text: 'x' }];
    },
  };
  const kept = new KeptAlerts(source, () => nowMs);
  const read = (agoMs: number) =>
    kept.read({ from: nowMs - agoMs - 300_000, to: nowMs - agoMs, points: 300 });
  expect(await read(0)).toHaveLength(1);
  nowMs += 4_000;
  await read(0);
  expect(asked).toBe(1);
  await read(60_000);
  expect(asked).toBe(2);
  [nowMs, fails] = [nowMs + 10_000, true];
  expect(await read(0)).toEqual([]);
  expect(asked).toBe(3);
});
