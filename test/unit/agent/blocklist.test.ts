import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BlockEntry,
  changeTime,
  isActive,
  mergeEntries,
  parseEntry,
  pruneEntries,
  tombstoneMs,
} from '#src/agent/blocklist/entries.ts';
import { BlocklistRefusal, parseBlockRequest, protectedBy } from '#src/agent/blocklist/guard.ts';
import { overlaps, parseNetwork } from '#src/agent/blocklist/network.ts';
import { blocklistRuleset } from '#src/agent/blocklist/ruleset.ts';

function entry(change: Partial<BlockEntry> = {}): BlockEntry {
  return {
    address: '203.0.113.5',
    untilMs: null,
    reason: '',
    by: 'operator',
    createdAtMs: 1,
    changedAtMs: 1,
    removed: false,
    ...change,
  };
}

describe('networks', () => {
  it('have one canonical text', () => {
    const text = (given: string) => parseNetwork(given)?.text;
    expect(text('203.0.113.77/24')).toBe('203.0.113.0/24');
    expect(text('203.0.113.5/32')).toBe('203.0.113.5');
    expect(text('2001:DB8:0:0::/32')).toBe('2001:db8::/32');
    expect(text('2001:db8::1/128')).toBe('2001:db8::1');
    expect(text('::ffff:203.0.113.5')).toBe('203.0.113.5');
    expect(text('0.0.0.0/0')).toBe('0.0.0.0/0');
    for (const bad of [
      '',
      'x',
      '1.2.3',
      '1.2.3.4/33',
      '::1/129',
      '1.2.3.4/',
      '1.2.3.4/08',
      'fe80::1%eth0',
      '1.2.3.4/1/2',
    ]) {
      expect(text(bad), bad).toBeUndefined();
    }
  });

  it('overlap when one holds the other', () => {
    const both = (a: string, b: string) => {
      const [left, right] = [parseNetwork(a), parseNetwork(b)];
      return left !== undefined && right !== undefined && overlaps(left, right);
    };
    expect(both('10.0.0.0/8', '10.77.0.21')).toBe(true);
    expect(both('10.77.0.21', '10.77.0.0/24')).toBe(true);
    expect(both('10.77.1.0/24', '10.77.0.0/24')).toBe(false);
    expect(both('::/0', '10.0.0.1')).toBe(false);
    expect(both('2001:db8::/32', '2001:db8:1::5')).toBe(true);
  });
});

describe('merging', () => {
  const address = fc.constantFrom('203.0.113.1', '203.0.113.0/24', '2001:db8::1');
  const anyEntry = fc.record({
    address,
    untilMs: fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }),
    reason: fc.constantFrom('', 'x'),
    by: fc.constant('operator'),
    createdAtMs: fc.constant(1),
    changedAtMs: fc.integer({ min: 1, max: 4 }),
    removed: fc.boolean(),
  });

  it('ends in the same list on every host, in whatever order changes arrive', () => {
    fc.assert(
      fc.property(fc.array(anyEntry), fc.array(anyEntry), (left, right) => {
        const one = mergeEntries(mergeEntries(new Map(), left), right);
        const other = mergeEntries(mergeEntries(new Map(), right), left);
        expect(Object.fromEntries(one)).toEqual(Object.fromEntries(other));
        expect(mergeEntries(one, other.values())).toEqual(one);
      }),
    );
  });

  it('lets the newest change win, removals too, also against a clock that is ahead', () => {
    const ahead = entry({ changedAtMs: 50_000 });
    const removal = entry({ removed: true, changedAtMs: changeTime(ahead, 1_000) });
    const merged = mergeEntries(new Map([[ahead.address, ahead]]), [removal]);
    expect(merged.get(ahead.address)?.removed).toBe(true);
  });

  it('forgets the ended after a while', () => {
    const entries = mergeEntries(new Map(), [
      entry({ address: '203.0.113.1', untilMs: 10 }),
      entry({ address: '203.0.113.2', removed: true, changedAtMs: 10 }),
      entry({ address: '203.0.113.3' }),
    ]);
    expect(pruneEntries(entries, 11).size).toBe(3);
    expect([...pruneEntries(entries, 11 + tombstoneMs).keys()]).toEqual(['203.0.113.3']);
    expect(isActive(entry({ untilMs: 10 }), 10)).toBe(false);
  });

  it('takes no nonsense from files or etcd', () => {
    expect(parseEntry(entry())).toEqual(entry());
    for (const bad of [
      null,
      5,
      {},
      { ...entry(), address: 'x; drop' },
      { ...entry(), address: '10.0.0.1/24' },
      { ...entry(), untilMs: 'soon' },
    ]) {
      expect(parseEntry(bad)).toBeUndefined();
    }
  });
});

describe('rules', () => {
  it('hold what is active, one set per prefix length, with the time that is left', () => {
    const text = blocklistRuleset(
      [
        entry({ address: '203.0.113.0/24', untilMs: 60_000 }),
        entry({ address: '203.0.113.5' }),
        entry({ address: '2001:db8::/32' }),
        entry({ address: '203.0.113.6', untilMs: 900 }),
        entry({ address: '203.0.113.7', removed: true }),
      ],
      1_000,
    );
    expect(text).toContain('elements = { 203.0.113.0/24 timeout 59s }');
    expect(text).toContain('elements = { 203.0.113.5 }');
    expect(text).toContain('ip6 saddr @v6_32 counter drop');
    expect(text).not.toMatch(/113\.[67]/);
  });
});

describe('what may be blocked', () => {
  const config = {
    peers: [{ name: 'server-1', address: '10.77.0.21', roles: [] }],
    floatingAddresses: ['10.77.0.100'],
    operators: ['192.0.2.0/24'],
  };
  const refused = (address: string, from = '') => {
    const network = parseNetwork(address);
    return network === undefined ? undefined : protectedBy(network, config, from);
  };

  it('is not the stack, nor who would have to unblock it', () => {
    expect(refused('10.0.0.0/8')).toMatch(/10\.77\.0\.21, the host server-1/);
    expect(refused('10.77.0.100')).toMatch(/the floating address/);
    expect(refused('192.0.2.7')).toMatch(/an operator/);
    expect(refused('198.51.100.0/24', '198.51.100.9')).toMatch(/this request comes from/);
    expect(refused('0.0.0.0/0')).toBeDefined();
    expect(refused('::/0')).toMatch(/this machine/);
    expect(refused('203.0.113.0/24')).toBeUndefined();
  });

  it('is asked for in words that say what is wrong', () => {
    expect(parseBlockRequest({ address: '203.0.113.9', durationMs: 3_600_000 })).toMatchObject({
      force: false,
    });
    for (const bad of [
      undefined,
      {},
      { address: 'host' },
      { address: '1.2.3.4', durationMs: 5 },
      { address: '1.2.3.4', durationMs: '1h' },
      { address: '1.2.3.4', reason: 'x'.repeat(300) },
    ]) {
      expect(() => parseBlockRequest(bad)).toThrow(BlocklistRefusal);
    }
  });
});
