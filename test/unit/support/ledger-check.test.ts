import { describe, expect, it } from 'vitest';
import { judge, longestPause, type MemberContent } from '#test/support/ledger/check.ts';
import type { WriteRecord } from '#test/support/ledger/records.ts';

const records: readonly WriteRecord[] = [
  { id: 'a', kind: 'autocommit', outcome: 'acknowledged', sentAt: 0, doneAt: 10 },
  { id: 'b', kind: 'autocommit', outcome: 'refused', sentAt: 10, doneAt: 12 },
  { id: 'c', kind: 'autocommit', outcome: 'unknown', sentAt: 12, doneAt: 1_500 },
  { id: 'd', kind: 'autocommit', outcome: 'acknowledged', sentAt: 1_500, doneAt: 1_510 },
];
const good: MemberContent = { host: 'one', ids: ['a', 'd'], balanceSum: 7, checksums: { t: '1', u: '2' } };
const other = { ...good, host: 'two' };

describe('the ledger finds', () => {
  it('nothing wrong with members that hold what was acknowledged, with or without what is unknown', () => {
    expect(judge(records, [good, other], 7)).toEqual([]);
    const withUnknown = { ...good, ids: ['a', 'c', 'd'] };
    expect(judge(records, [withUnknown, { ...withUnknown, host: 'two' }], 7)).toEqual([]);
  });

  it('a lost write', () => {
    expect(judge(records, [good, { ...other, ids: ['a'] }], 7)).toEqual([
      'two lacks 1 acknowledged writes: d',
    ]);
  });

  it('a write that is there twice, and one that was refused', () => {
    expect(judge(records, [{ ...good, ids: ['a', 'd', 'd'] }], 7)).toEqual(['one holds 1 writes twice']);
    expect(judge(records, [{ ...good, ids: ['a', 'b', 'd'] }], 7)).toEqual(['one holds 1 refused writes: b']);
  });

  it('half a transaction', () => {
    expect(judge(records, [{ ...good, balanceSum: 6 }], 7)).toEqual(['one: the balances add up to 6, not 7']);
  });

  it('members that differ, also in a table that one of them lacks', () => {
    expect(judge(records, [good, { ...other, checksums: { t: '1', u: '3' } }], 7)).toEqual([
      'one and two differ in u',
    ]);
    expect(judge(records, [good, { ...other, checksums: { t: '1' } }], 7)).toEqual([
      'one and two differ in u',
    ]);
  });
});

describe('the longest pause', () => {
  it('counts acknowledgements alone, and the ends of the span', () => {
    expect(longestPause(records, 0, 1_600)).toBe(1_500);
    expect(longestPause(records, 0, 9_000)).toBe(7_490);
    expect(longestPause([], 0, 100)).toBe(100);
  });
});
