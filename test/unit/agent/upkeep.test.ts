import { describe, expect, it } from 'vitest';
import type { MemberStatus } from '#src/adapters/etcd/maintenance.ts';
import { formatLine } from '#src/adapters/log.ts';
import { clockWarning, offsetMs } from '#src/agent/upkeep/clock-decide.ts';
import { shouldDefragment } from '#src/agent/upkeep/quorum-decide.ts';

const mebibyte = 1_048_576;

function status(endpoint: string, change: Partial<MemberStatus> = {}): MemberStatus {
  return {
    endpoint,
    memberId: endpoint,
    version: '3.4',
    sizeBytes: 100 * mebibyte,
    inUseBytes: 90 * mebibyte,
    leader: 'a',
    raftTerm: 1,
    revision: 1,
    ...change,
  };
}

describe('defragmentation', () => {
  const unused = { inUseBytes: mebibyte };

  it('is for one member at a time, the leader last, and only in full strength', () => {
    const all = ['a', 'b', 'c'].map((endpoint) => status(endpoint, unused));
    expect(shouldDefragment('b', all).defragment).toBe(true);
    expect(shouldDefragment('c', all).defragment).toBe(false);
    expect(shouldDefragment('a', all).defragment).toBe(false);
    expect(shouldDefragment('a', [status('a', unused), status('b'), status('c')]).defragment).toBe(true);
    expect(shouldDefragment('b', [status('a'), status('b', unused), undefined])).toMatchObject({
      defragment: false,
      reason: 'a member does not answer',
    });
    expect(
      shouldDefragment('b', [status('a'), status('b', { ...unused, leader: undefined })]).defragment,
    ).toBe(false);
  });

  it('leaves small and well-used files alone', () => {
    expect(shouldDefragment('a', [status('a')]).defragment).toBe(false);
    expect(shouldDefragment('a', [status('a', { sizeBytes: 3 * mebibyte, inUseBytes: 1 })]).defragment).toBe(
      false,
    );
  });
});

describe('clocks', () => {
  it('are compared with the middle of the round trip', () => {
    expect(offsetMs(1_000, 1_020, 1_010)).toBe(0);
    expect(offsetMs(1_000, 1_020, 2_010)).toBe(1_000);
    expect(clockWarning({ 'lb-1': 499, 'lb-2': -10 })).toBeUndefined();
    expect(clockWarning({ 'lb-1': -1_500 })).toBe(
      'The clock differs from lb-1 by -1.5 s: check time synchronisation.',
    );
  });
});

describe('log lines', () => {
  it('are one line each, whatever is said', () => {
    expect(formatLine({ level: 'info', msg: 'a "b"\nc', n: 5, none: undefined, empty: '' })).toBe(
      'level=info msg="a \\"b\\"\\nc" n=5 empty=""',
    );
  });
});
