import { afterAll, describe, expect, test } from 'vitest';
import { mutations } from './mutations.ts';
import { runSchedule } from './schedule.ts';

const limit = 10_000;
const table: string[] = [];

afterAll(() => {
  console.log(table.join('\n'));
});

describe('each breakage is found within 10,000 schedules', () => {
  test.each(mutations)('$name', (mutation) => {
    const { only } = mutation;
    for (let seed = 1; seed <= limit; seed++) {
      const { violation } = runSchedule(seed, { mutation, ...(only === undefined ? {} : { only }) });
      if (violation === null) continue;
      table.push(`${mutation.name.padEnd(66)} ${String(seed).padStart(6)}  ${violation.property}`);
      return;
    }
    expect.fail(`${mutation.name}: not found in ${limit} schedules`);
  });
});
