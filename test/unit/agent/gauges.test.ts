/** Readings are right whoever else asks at the same time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Readings } from '#src/agent/metrics/gauges.ts';

it('counts once for two who ask at once', async () => {
  const readings = new Readings();
  const slowly = async (value: number) => {
    await sleep(20);
    return [[{ service: 'app-1' }, value]] as const;
  };
  readings.counter('restarts_total', 'Restarts.', ['service'], () => slowly(29));
  readings.gauge('up', 'Whether it runs.', ['service'], () => slowly(1));
  const asked = [readings.text(), sleep(5).then(() => readings.text()), readings.text()];
  for (const text of await Promise.all(asked)) {
    expect(text).toContain('restarts_total{service="app-1"} 29\n');
    expect(text).toContain('up{service="app-1"} 1\n');
  }
});

it('has no series where nothing is known', async () => {
  const readings = new Readings();
  readings.gauge('lag_seconds', 'Lag.', [], () => []);
  expect(await readings.text()).not.toMatch(/^lag_seconds/m);
});
