/** Words survive a real shell, whatever is in them. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shellWords } from '#src/provision/ssh/shell.ts';

it('a shell hands every word on as it was', () => {
  const word = fc.oneof(
    fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
    fc.constantFrom('', ' ', "'", "it's", '$HOME', '`id`', '*', '~', '\n', '--', '"', '\\', '!x', '#'),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${shellWords(words)}`], { encoding: 'utf8' });
      expect(printed.split('\0').slice(0, -1)).toEqual(words);
    }),
    { numRuns: 40 },
  );
});
