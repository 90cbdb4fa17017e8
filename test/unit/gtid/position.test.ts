import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compare,
  contains,
  emptyPosition,
  maximum,
  type Position,
  parsePosition,
  printPosition,
  sameTransactions,
  sequenceIn,
} from '#src/gtid/position.ts';

function read(text: string): Position {
  const position = parsePosition(text);
  if (position === undefined) throw new Error(`not a position: ${text}`);
  return position;
}

const positions = fc
  .uniqueArray(
    fc.record({
      domain: fc.nat(4),
      server: fc.integer({ min: 1, max: 9 }),
      sequence: fc.integer({ min: 1, max: 99 }),
    }),
    { selector: (gtid) => gtid.domain, maxLength: 4 },
  )
  .map((gtids): Position => gtids.sort((a, b) => a.domain - b.domain));

describe('reading', () => {
  test('what MariaDB prints', () => {
    expect(printPosition(read('0-1-12,\n2-3-4'))).toBe('0-1-12,2-3-4');
    expect(read('')).toEqual(emptyPosition);
    expect(printPosition(read('2-3-4,0-1-12'))).toBe('0-1-12,2-3-4');
  });
  test.each([
    '0-1',
    '0-1-2,',
    'x',
    '0-1-2;1-1-1',
    '0-1--2',
    '0-1-2,0-2-2',
    '0-1-99999999999999999999',
    '4294967296-1-1',
  ])('is unknown, not empty: %s', (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });
  test('print and parse are inverse', () => {
    fc.assert(
      fc.property(positions, (p) => {
        expect(parsePosition(printPosition(p))).toEqual(p);
      }),
    );
  });
});

describe('comparing', () => {
  test.each([
    ['0-1-5', '0-1-5', 'equal'],
    ['0-2-5', '0-1-5', 'equal'],
    ['0-1-6', '0-1-5', 'ahead'],
    ['', '0-1-5', 'behind'],
    ['0-1-5,1-1-1', '0-1-6', 'incomparable'],
    ['', '', 'equal'],
  ] as const)('%s to %s: %s', (a, b, relation) => {
    expect(compare(read(a), read(b))).toBe(relation);
  });
  test('the same number by another server is another transaction', () => {
    expect(sameTransactions(read('0-2-5'), read('0-1-5'))).toBe(false);
    expect(sameTransactions(read('0-1-5'), read('0-1-5'))).toBe(true);
  });
  test('the maximum contains both, and nothing more', () => {
    fc.assert(
      fc.property(positions, positions, (a, b) => {
        const m = maximum(a, b);
        expect(contains(m, a) && contains(m, b)).toBe(true);
        for (const gtid of m) {
          expect(gtid.sequence).toBe(Math.max(sequenceIn(a, gtid.domain), sequenceIn(b, gtid.domain)));
        }
      }),
    );
  });
  test('containing is transitive', () => {
    fc.assert(
      fc.property(positions, positions, positions, (a, b, c) => {
        if (contains(a, b) && contains(b, c)) expect(contains(a, c)).toBe(true);
      }),
    );
  });
});
