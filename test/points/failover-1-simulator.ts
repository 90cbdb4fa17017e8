import assert from 'node:assert/strict';
import { expectCommand } from '#test/support/command.ts';
import { repository } from '#test/support/lab.ts';
import type { OwnPoint } from './point.ts';

interface Counts {
  readonly schedules: number;
}

const leastPerMinute = 100_000;

/** The simulator runs as its own program, as `npm run sim` does; its exit code says whether a property was violated. */
export const simulator: OwnPoint<Counts> = {
  kind: 'own',
  id: 'failover-1',
  title: 'The rules under the simulator: clean, and at least 100,000 schedules a minute',
  small: { schedules: 2_000 },
  full: { schedules: 1_000_000 },
  async run(_place, { counts, log }) {
    const words = [`${repository}/test/sim/main.ts`, '--seeds', String(counts.schedules)];
    // Long enough to say at which pace it was too slow.
    const output = await expectCommand(process.execPath, words, { timeoutMs: 30 * 60_000 });
    const figures =
      /(\d+) schedules in ([\d.]+) s: (\d+) a minute on (\d+) threads; (\d+) events, (\d+) acknowledged/.exec(
        output,
      );
    assert.ok(figures !== null, `the simulator says: ${output.slice(-500)}`);
    const [schedules = 0, seconds = 0, perMinute = 0, threads = 0, events = 0, writes = 0] = figures
      .slice(1)
      .map(Number);
    log(figures[0]);
    assert.equal(schedules, counts.schedules);
    // A short run is mostly its start.
    if (counts.schedules >= leastPerMinute)
      assert.ok(perMinute >= leastPerMinute, `${perMinute} schedules a minute`);
    const hash = /^hash (\w+)/m.exec(output)?.[1];
    return { schedules, seconds, perMinute, threads, events, acknowledgedWrites: writes, hash };
  },
};
