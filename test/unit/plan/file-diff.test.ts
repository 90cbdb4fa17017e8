import { describe, expect, it } from 'vitest';
import { diffLines } from '#src/plan/file-diff.ts';

describe('the diff of a file', () => {
  it('shows changed lines with the ones beside them', () => {
    const before = 'a\nb\nc\nd\ne\n';
    expect(diffLines(before, 'a\nb\nC\nd\ne\n')).toEqual(['@@ -2,3 +2,3 @@', ' b', '-c', '+C', ' d']);
  });

  it('is empty for the same text, and for what nobody reads', () => {
    expect(diffLines('a\n', 'a\n')).toEqual([]);
    expect(diffLines('-----BEGIN CERTIFICATE-----\nold\n', '-----BEGIN CERTIFICATE-----\nnew\n')).toEqual([]);
  });
});
