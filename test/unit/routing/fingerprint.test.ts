import { describe, expect, test } from 'vitest';
import { fingerprint } from '#src/routing/fingerprint.ts';
import { defaultModes } from '#src/routing/modes.ts';

describe('fingerprint', () => {
  test.each([
    ['SELECT 1', 'select ?'],
    ["SELECT  a,\n b FROM t WHERE c = 'x' -- c", 'select a, b from t where c = ?'],
    ['SELECT a FROM t WHERE id IN (1, 2, 3)', 'select a from t where id in(?+)'],
    ['SELECT a FROM t WHERE id IN (1)', 'select a from t where id in(?)'],
    [
      "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'), (3, NULL)",
      'insert into t(a, b) values(?+), (?, null)',
    ],
    ["INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')", 'insert into t values(?+)'],
    ['SELECT -1, +2, a-3, (-4)', 'select ?+, a - ?, (?)'],
    ["SELECT 'a' 'b', x'4D', _utf8mb4'c', N'd', 0x4D, 1e5", 'select ?+'],
    ['SELECT `a`.`b` FROM `T`', 'select `a`.`b` from `T`'],
    ['SELECT COUNT( * ), now( ) FROM t /* c */', 'select count(*), now() from t'],
    ['SELECT @x := 5, @@session.sql_mode', 'select @x := ?, @@session.sql_mode'],
    ['SELECT a>=1 AND b<>2', 'select a >= ? and b <> ?'],
    ['SELECT 1;', 'select ?'],
    ['SELECT 1; SELECT 2', 'select ?; select ?'],
    ['SELECT ?', 'select ?'],
    ['', ''],
    ['/* c */', ''],
  ])('%s', (sql, expected) => {
    expect(fingerprint(sql)).toBe(expected);
  });

  test('is the same for statements that differ in values alone, and another for others', () => {
    const shape = (count: number): string =>
      fingerprint(
        `SELECT a FROM t WHERE id IN (${Array.from({ length: count }, (_, index) => index).join(',')})`,
      );
    expect(shape(2)).toBe(shape(5000));
    expect(fingerprint('SELECT a FROM t')).not.toBe(fingerprint('SELECT a FROM u'));
  });

  test('is bounded, whatever the length of the text', () => {
    const long = `SELECT ${Array.from({ length: 1000 }, (_, index) => `c${index}`).join(', ')} FROM t`;
    expect(fingerprint(long, defaultModes, 50)).toMatch(/^select c0, c1, .{20,}…$/);
    expect(fingerprint(long, defaultModes, 50).length).toBeLessThanOrEqual(50);
    const blob = `INSERT INTO t VALUES ('${'x'.repeat(1_000_000)}')`;
    expect(fingerprint(blob)).toBe('insert into t values(?…');
  });

  test('follows the SQL mode', () => {
    const sqlMode = { ansiQuotes: true, noBackslashEscapes: false, foreign: false };
    expect(fingerprint('SELECT "a"', { ...defaultModes, sqlMode })).toBe('select "a"');
    expect(fingerprint('SELECT "a"')).toBe('select ?');
  });
});
