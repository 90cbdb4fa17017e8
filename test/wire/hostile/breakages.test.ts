import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { breakages } from './breakages.ts';
import { fuzz } from './fuzzing.ts';

/** One for each kind of fuzzing; all of them: `npm run prove -- router-7`. */
const some = (['answers', 'logins', 'clients', 'servers'] as const).map(
  (wanted) => breakages.find(({ kind }) => kind === wanted) as (typeof breakages)[number],
);

test.each(breakages)('what "$name" takes away is in the source', ({ file, find }) => {
  const source = readFileSync(join(import.meta.dirname, '../../../src', file), 'utf8');
  expect(source.split(find)).toHaveLength(2);
});

describe('a breakage is found within 20,000 mutated packets', () => {
  test.each(some)(
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
