/** The schema that the statements of the table are written for. */
import { buildCatalogue, type Catalogue } from '#src/routing/catalogue.ts';

/** Statements that make it, in a server that has the schema `test`. */
export const schema: readonly string[] = [
  'CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b VARCHAR(40), c DATETIME, d DECIMAL(10,2), j JSON, KEY a (a)) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN MAXVALUE)',
  'CREATE TABLE u (id INT PRIMARY KEY, t_id INT, name VARCHAR(40), body TEXT, FULLTEXT KEY body (body), KEY t_id (t_id))',
  'CREATE TABLE h (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING',
  'CREATE TABLE p (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN MAXVALUE)',
  'CREATE TABLE `odd name` (`select` INT, `a``b` INT)',
  'CREATE TABLE g (id INT PRIMARY KEY, p POINT NOT NULL)',
  'CREATE TABLE mem (id INT) ENGINE=MEMORY',
  'CREATE SEQUENCE s',
  'CREATE DATABASE other',
  'CREATE TABLE other.t (id INT PRIMARY KEY, a INT)',
  'INSERT INTO t (a, b, c, d, j) VALUES (1, "x", NOW(), 1.5, "{}"), (2, "y", NOW(), 2.5, "[1]")',
  'INSERT INTO u VALUES (1, 1, "n", "x y z")',
  'INSERT INTO h VALUES (1, 1)',
  'INSERT INTO g VALUES (1, POINT(1, 2))',
  'CREATE FUNCTION twice(x INT) RETURNS INT RETURN x * 2',
  'CREATE FUNCTION counts() RETURNS INT RETURN (SELECT COUNT(*) FROM t)',
  'CREATE FUNCTION sets() RETURNS INT BEGIN SET @sets = 1; RETURN 1; END',
  'CREATE FUNCTION writes(x INT) RETURNS INT BEGIN DECLARE y INT; SET y = x; INSERT INTO u (id) VALUES (y); RETURN y; END',
  'CREATE PROCEDURE nothing() BEGIN END',
  'CREATE PROCEDURE adds(IN x INT) INSERT INTO u (id) VALUES (x)',
  'CREATE PROCEDURE names() SET NAMES latin1',
  'CREATE VIEW v AS SELECT id, a FROM t',
  'CREATE VIEW vv AS SELECT v.id, twice(v.a) AS a FROM v JOIN u ON u.id = v.id',
  'CREATE VIEW locking AS SELECT GET_LOCK("x", 0) AS a',
  'CREATE VIEW setting AS SELECT sets() AS a FROM t',
];

const inTest = { schema: 'test' };
const routine = { ...inTest, sqlMode: '', parameters: [] };

/** The same as the router reads it from information_schema. */
export const catalogue: Catalogue = buildCatalogue({
  tables: [
    ...['t', 'u', 'h', 'p', 'odd name', 'g', 's'].map((name) => ({ ...inTest, name, engine: 'InnoDB' })),
    { ...inTest, name: 'mem', engine: 'MEMORY' },
    { schema: 'other', name: 't', engine: 'InnoDB' },
    ...['v', 'vv', 'locking', 'setting'].map((name) => ({ ...inTest, name, engine: null })),
  ],
  views: [
    {
      ...inTest,
      name: 'v',
      definition: 'select `test`.`t`.`id` AS `id`,`test`.`t`.`a` AS `a` from `test`.`t`',
    },
    {
      ...inTest,
      name: 'vv',
      definition:
        'select `v`.`id` AS `id`,`twice`(`v`.`a`) AS `a` from (`test`.`v` join `test`.`u` on(`test`.`u`.`id` = `v`.`id`))',
    },
    { ...inTest, name: 'locking', definition: "select get_lock('x',0) AS `a`" },
    { ...inTest, name: 'setting', definition: 'select `sets`() AS `a` from `test`.`t`' },
  ],
  routines: [
    { ...routine, name: 'twice', kind: 'FUNCTION', body: 'RETURN x * 2', parameters: ['x'] },
    { ...routine, name: 'counts', kind: 'FUNCTION', body: 'RETURN (SELECT COUNT(*) FROM t)' },
    { ...routine, name: 'sets', kind: 'FUNCTION', body: 'BEGIN SET @sets = 1; RETURN 1; END' },
    {
      ...routine,
      name: 'writes',
      kind: 'FUNCTION',
      body: 'BEGIN DECLARE y INT; SET y = x; INSERT INTO u (id) VALUES (y); RETURN y; END',
      parameters: ['x'],
    },
    { ...routine, name: 'nothing', kind: 'PROCEDURE', body: 'BEGIN END' },
    { ...routine, name: 'adds', kind: 'PROCEDURE', body: 'INSERT INTO u (id) VALUES (x)', parameters: ['x'] },
    { ...routine, name: 'names', kind: 'PROCEDURE', body: 'SET NAMES latin1' },
  ],
  triggers: [],
});
