import { describe, expect, test } from 'vitest';
import { analyse } from '#src/routing/analyse.ts';
import { defaultModes } from '#src/routing/modes.ts';
import type { ObjectName } from '#src/routing/statement.ts';

const written = (names: readonly ObjectName[]): string =>
  names.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)).join(' ');

describe('the tables of a statement', () => {
  test.each([
    ['SELECT 1', ''],
    ['SELECT * FROM a', 'a'],
    ['SELECT 0x7f, 0b1 FROM 0b7f3, 0X41, 0x7g, 0b, 1e', '0b7f3 0X41 0x7g 0b 1e'],
    ['SELECT * FROM a, b c, d.e AS f', 'a b d.e'],
    ['SELECT * FROM a JOIN b JOIN c ON 1, d', 'a b c d'],
    ['SELECT * FROM a LEFT JOIN (b, c JOIN d) ON x = y, e', 'a b c d e'],
    ['SELECT * FROM ((a)), ((b JOIN c))', 'a b c'],
    ['SELECT * FROM a STRAIGHT_JOIN b NATURAL JOIN c', 'a b c'],
    ['SELECT STRAIGHT_JOIN x FROM a', 'a'],
    ['SELECT * FROM a WHERE x IN (SELECT y FROM b), c', 'a b'],
    ['SELECT (SELECT x FROM a), y FROM b', 'a b'],
    ['SELECT * FROM (SELECT * FROM a WHERE z ORDER BY x, y) q, b', 'a b'],
    ['SELECT x, y FROM a ORDER BY x, y', 'a'],
    ['SELECT * FROM a GROUP BY x, y HAVING z LIMIT 1, 2', 'a'],
    ['SELECT * FROM a USE INDEX (i, j), b', 'a b'],
    ['SELECT * FROM a USE INDEX FOR ORDER BY (i, j), b', 'a b'],
    ['SELECT * FROM a USE INDEX FOR JOIN (i) JOIN b', 'a b'],
    ['SELECT * FROM a PARTITION (p, q), b', 'a b'],
    ['SELECT * FROM a FOR SYSTEM_TIME AS OF NOW(), b', 'a b'],
    ['SELECT * FROM a UNION SELECT * FROM b, c', 'a b c'],
    ['(SELECT * FROM a) UNION (SELECT * FROM b) ORDER BY x, y', 'a b'],
    ['SELECT EXTRACT(YEAR FROM x), TRIM(y FROM z), SUBSTRING(x FROM 1 FOR 2) FROM a', 'a'],
    ['SELECT EXTRACT(YEAR FROM (SELECT x FROM a)) FROM b', 'a b'],
    ["SELECT * FROM JSON_TABLE(x, '$' COLUMNS (y INT PATH '$')) q, a", 'a'],
    ['SELECT * FROM a JOIN (VALUES (1), (2)) v, b', 'a b'],
    ['SELECT * FROM `a b`.`c``d`, "x"', 'a b.c`d'],
    ['SELECT * FROM 1a, a.1b, a.select, user, status', '1a a.1b a.select user status'],
    ['WITH x AS (SELECT * FROM a) SELECT * FROM x, b', 'a b'],
    ['WITH x AS (SELECT * FROM x) SELECT * FROM x', 'x'],
    ['WITH RECURSIVE x AS (SELECT * FROM x) SELECT * FROM x', ''],
    ['WITH x AS (SELECT 1), y AS (SELECT * FROM x, a) SELECT * FROM y, x', 'a'],
    ['WITH y AS (SELECT * FROM x), x AS (SELECT 1) SELECT * FROM y, x', 'x'],
    ['SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) q, x', 'x'],
    ['WITH x AS (SELECT 1) SELECT * FROM X', 'X'],
    ['WITH x AS (SELECT 1) SELECT * FROM d.x', 'd.x'],
    ['WITH x (y, z) AS (SELECT 1, 2) SELECT * FROM x WHERE y IN (SELECT * FROM a)', 'a'],
    ['SELECT * FROM a WHERE EXISTS (WITH x AS (SELECT * FROM b) SELECT * FROM x), x', 'a b'],
    ['INSERT INTO a (x, y) SELECT z FROM b, c', 'a b c'],
    ['INSERT INTO d.a SET x = (SELECT y FROM b)', 'd.a b'],
    ['REPLACE a VALUES (1)', 'a'],
    ['UPDATE a, b JOIN c SET x = 1, y = 2 WHERE z IN (SELECT 1 FROM d)', 'a b c d'],
    ['DELETE FROM a WHERE x IN (SELECT y FROM b)', 'a b'],
    ['DELETE a FROM a JOIN b', 'a b'],
    ['LOAD DATA LOCAL INFILE "x" INTO TABLE d.a (x, y)', 'd.a'],
    ['EXPLAIN SELECT * FROM a, b', 'a b'],
    ['DESCRIBE d.a', 'd.a'],
    ['SELECT 1 FROM a; SELECT 2 FROM b', 'a b'],
  ])('%s', (sql, expected) => {
    expect(written(analyse(sql).tables)).toBe(expected);
  });
});

describe('the routines of a statement', () => {
  test.each([
    ['SELECT f(), d.g(1), `h i`(), d.`j`()', 'f d.g h i d.j'],
    ['SELECT COUNT(*), now(), IF(1, 2, 3) FROM t PARTITION (p)', ''],
    ['SELECT f /* c */ (1)', 'f'],
    ['SELECT x.y.z(1)', 'y.z'],
    ['INSERT INTO a (x) VALUES (f(1)) ON DUPLICATE KEY UPDATE x = VALUES(x) + g(1)', 'f g'],
    ['CALL p(f(1))', 'p f'],
    ['SET @x = f(1), @y = g(2)', 'f g'],
    ['CREATE TABLE x (a VARCHAR(5), KEY k (a))', ''],
  ])('%s', (sql, expected) => {
    expect(written(analyse(sql).routines)).toBe(expected);
  });
});

describe('modes', () => {
  const quotes = { ansiQuotes: true, noBackslashEscapes: false, foreign: false };
  const plain = { ansiQuotes: false, noBackslashEscapes: true, foreign: false };

  test('ANSI_QUOTES makes names of double quotes', () => {
    const modes = { ...defaultModes, sqlMode: quotes };
    expect(written(analyse('SELECT "f"(1) FROM "a""b"', modes).tables)).toBe('a"b');
    expect(written(analyse('SELECT "f"(1)', modes).routines)).toBe('f');
    expect(analyse('SELECT "a\\" FROM t', modes).tables).toHaveLength(1);
    expect(analyse('SELECT "a\\" FROM t').class).toBe('unknown');
  });

  test('NO_BACKSLASH_ESCAPES ends a string at its quote', () => {
    const modes = { ...defaultModes, sqlMode: plain };
    const sql = "SELECT 'a\\' FROM t FOR UPDATE -- '";
    expect(analyse(sql, modes).reason).toBe('locking read');
    expect(analyse(sql).target).toBe('replica');
  });

  test.each([
    ['gbk', 'not understood'],
    ['sjis', 'not understood'],
    ['latin1', 'read'],
    ['utf8mb4', 'read'],
    [undefined, 'not understood'],
  ])('a string beyond ASCII in %s', (charset, reason) => {
    const bytes = Buffer.concat([Buffer.from("SELECT '"), Buffer.from([0xe9, 0x5c]), Buffer.from("'x'")]);
    expect(analyse(bytes, { ...defaultModes, charset }).reason).toBe(reason);
    expect(analyse("SELECT 'a'", { ...defaultModes, charset }).target).toBe('replica');
  });

  test('a name beyond ASCII is only read as UTF-8', () => {
    expect(written(analyse('SELECT * FROM café').tables)).toBe('café');
    expect(analyse('SELECT * FROM café', { ...defaultModes, charset: 'latin1' }).reason).toBe(
      'not understood',
    );
  });

  test('where ASCII is no ASCII nothing is read', () => {
    expect(analyse('SELECT 1', { ...defaultModes, charset: 'swe7' }).reason).toBe('not understood');
  });

  test('executable comments follow the version of the server', () => {
    const sql = 'SELECT 1 /*M!100500 FOR UPDATE */';
    expect(analyse(sql, { ...defaultModes, serverVersion: 100_400 }).reason).toBe('version comment');
    expect(analyse(sql).reason).toBe('locking read');
  });
});
