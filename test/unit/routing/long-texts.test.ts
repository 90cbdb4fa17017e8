/** What one client can write into a text of the longest that is read whole (1 MiB). */
import { describe, expect, test } from 'vitest';
import { analyse } from '#src/routing/analyse.ts';
import { buildCatalogue, type RoutineRow, type ViewRow } from '#src/routing/catalogue.ts';
import { fingerprint } from '#src/routing/fingerprint.ts';
import { resolve } from '#src/routing/resolve.ts';
import { keywords } from '#src/routing/word-data.ts';

const depth = 20_000;

/** What opens, over and over, and what stands inside of it all. */
const nested: readonly (readonly [string, string])[] = [
  ['(', 'SELECT 1'],
  ['SELECT (', '1'],
  ['SELECT CASE WHEN ', '1'],
  ['SELECT GET_LOCK(', '1'],
  ["SELECT * FROM JSON_TABLE('x', ", '1'],
  ['SELECT 1 UNION ', 'SELECT 1'],
  ['WITH a AS (', 'SELECT 1'],
  ['WITH a AS (SELECT 1), ', 'b AS (SELECT 1) SELECT 1'],
  ['EXPLAIN ', 'SELECT 1'],
  ['EXPLAIN FORMAT=JSON ', 'SELECT 1'],
  ['ANALYZE ', 'SELECT 1'],
  ['EXPLAIN SET STATEMENT a=1 FOR ', 'SELECT 1'],
  ['SET STATEMENT a=1 FOR ', 'SELECT 1'],
  ['SET STATEMENT a=1 FOR EXPLAIN ', 'SELECT 1'],
  ['SET @a = (', '1'],
  ['/*!', 'SELECT 1'],
  ['/*M!100000 ', 'SELECT 1'],
  ['/*!999999 ', 'SELECT 1'],
  ['BEGIN NOT ATOMIC ', 'SELECT 1;'],
  ['a: BEGIN ', 'END'],
  ['IF 1 THEN ', 'END IF'],
  ['CREATE PROCEDURE p() BEGIN ', 'END'],
  ['CREATE TABLE t AS (SELECT ', '1'],
  ['PREPARE a FROM ', "'SELECT 1'"],
  ['EXECUTE IMMEDIATE ', "'SELECT 1'"],
  ['a.', 'b'],
  ['@@', 'a'],
];

describe('nesting as deep as a text can have it', () => {
  test.each(nested)('is read to its end: %s', (open, inner) => {
    const sql = open.repeat(depth) + inner;
    expect(['primary', 'replica', 'any']).toContain(analyse(sql).target);
    fingerprint(sql);
  });

  test.each(keywords.map((keyword) => [keyword]))('of the word %s is read to its end', (keyword) => {
    for (const open of [`${keyword} `, `${keyword} (`]) analyse(`${open.repeat(depth)}1`);
  });

  test('of settings for one statement is not understood from the second on', () => {
    expect(analyse('SET STATEMENT a=1 FOR SET STATEMENT b=1 FOR SELECT 1')).toMatchObject({
      class: 'unknown',
      target: 'primary',
      effects: [{ kind: 'pin', pin: 'text' }],
    });
    expect(analyse('SET STATEMENT a=1 FOR SET NAMES latin1')).toMatchObject({
      class: 'session',
      effects: [{ kind: 'names', charset: 'latin1' }],
    });
    const apart = 'SET STATEMENT a=1 FOR DELETE FROM t; '.repeat(2);
    expect(analyse(apart)).toMatchObject({ class: 'write', parts: 2, effects: [] });
  });
});

test('views and functions that use each other over thousands of steps are for the primary', () => {
  const views: ViewRow[] = [];
  const routines: RoutineRow[] = [];
  const rest = { schema: 'test', kind: 'FUNCTION', sqlMode: '', parameters: [] } as const;
  for (let index = 0; index < depth; index++) {
    views.push({ schema: 'test', name: `v${index}`, definition: `SELECT 1 FROM v${index + 1}` });
    routines.push({ ...rest, name: `f${index}`, body: `RETURN f${index + 1}()` });
  }
  views.push({ schema: 'test', name: `v${depth}`, definition: 'SELECT 1' });
  routines.push({ ...rest, name: `f${depth}`, body: 'RETURN 1' });
  const catalogue = buildCatalogue({ tables: [], views, routines, triggers: [] });
  const targetOf = (sql: string) => resolve(analyse(sql), 'test', catalogue).target;
  for (const what of ['SELECT * FROM v', 'SELECT f']) {
    const end = what.endsWith('f') ? '()' : '';
    expect(targetOf(`${what}0${end}`)).toBe('primary');
    expect(targetOf(`${what}${depth - 10}${end}`)).toBe('replica');
  }
});

/** A text of so many pieces, each made from its number. */
const text = (pieces: number, piece: (index: number) => string): string =>
  Array.from({ length: pieces }, (_, index) => piece(index)).join('');

function elapsedMs(call: () => void): number {
  const beganMs = performance.now();
  call();
  return performance.now() - beganMs;
}

describe('eight times the text takes about eight times as long, not sixty-four', () => {
  const insert = "INSERT INTO t VALUES (1, 'abc');";
  const first = (beginning: string, then: string) => (index: number) => (index === 0 ? beginning : then);
  const listed = (beginning: string, then: (index: number) => string) => (index: number) =>
    `${index === 0 ? beginning : ','}${then(index)}`;

  test.each<[string, number, (index: number) => string]>([
    ['statements that mean nothing', 30_000, () => 'a;'],
    ['a dump behind SET NAMES', 4_000, first('SET NAMES utf8mb4;', insert)],
    ['a dump behind a value that only the server knows', 4_000, first('SET time_zone=@x;', insert)],
    ['SET NAMES over and over', 4_000, () => 'SET NAMES utf8mb4;'],
    [
      'common table expressions',
      4_000,
      listed('WITH ', (index) => `a${index} AS (SELECT 1 FROM b${index}, c)`),
    ],
  ])('%s', (_name, pieces, piece) => {
    const short = text(pieces, piece);
    const long = text(8 * pieces, piece);
    analyse(short);
    const ratios: number[] = [];
    do {
      const shortMs = Math.min(
        elapsedMs(() => analyse(short)),
        elapsedMs(() => analyse(short)),
      );
      ratios.push(elapsedMs(() => analyse(long)) / shortMs);
    } while (ratios.length < 10 && Math.min(...ratios) > 20);
    expect(Math.min(...ratios)).toBeLessThan(20);
  });
});

test('a query with more common table expressions than anybody writes is not understood', () => {
  const query = (count: number) =>
    analyse(
      `WITH ${Array.from({ length: count }, (_, index) => `a${index} AS (SELECT 1)`)} SELECT * FROM a0`,
    );
  expect(query(200)).toMatchObject({ class: 'read', target: 'replica', tables: [] });
  expect(query(201)).toMatchObject({ class: 'unknown', target: 'primary' });
});

test('what changes the reading is minded wherever it stands in a text', () => {
  const classOf = (sql: string) => analyse(sql).class;
  expect(classOf(`SELECT "a"; SET sql_mode='ANSI_QUOTES'; SELECT 'a'`)).toBe('session');
  expect(classOf(`SELECT 'a'; SET sql_mode='ANSI_QUOTES'; SELECT 'a'; SELECT "a"`)).toBe('unknown');
  expect(classOf(`SELECT 'a'; SET NAMES utf8; SELECT 'é'`)).toBe('unknown');
  expect(classOf(`SELECT 'a'; SELECT 'a'; SET sql_mode='ORACLE'; SELECT 'a'`)).toBe('unknown');
});
