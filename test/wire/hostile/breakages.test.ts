import { describe, expect, test } from 'vitest';
import { breakages } from './breakages.ts';
import { fuzz } from './fuzzing.ts';

describe('each breakage is found within 20,000 mutated packets', () => {
  test.each(breakages)(
    '$name',
    async ({ name, kind }) => {
      const found = fuzz({ kind, seed: 1, packets: 20_000 }, 60_000, name);
      await expect(found).rejects.toMatchObject({
        stderr: expect.stringMatching(/AssertionError|RangeError|TypeError/),
      });
    },
    70_000,
  );
});
