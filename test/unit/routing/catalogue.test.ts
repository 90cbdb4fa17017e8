import { describe, expect, test } from 'vitest';
import { analyse } from '#src/routing/analyse.ts';
import { buildCatalogue, type CatalogueRows, type RoutineNature } from '#src/routing/catalogue.ts';
import { resolve } from '#src/routing/resolve.ts';
import { catalogue } from './table/schema.ts';

function routine(body: string, parameters: readonly string[] = ['p'], sqlMode = ''): RoutineNature {
  const rows: CatalogueRows = {
    tables: [{ schema: 'test', name: 't', engine: 'InnoDB' }],
    views: [],
    routines: [
      { schema: 'test', name: 'f', kind: 'FUNCTION', body, parameters, sqlMode },
      { schema: 'test', name: 'pure', kind: 'FUNCTION', body: 'RETURN 1', parameters: [], sqlMode: '' },
      { schema: 'test', name: 'wild', kind: 'PROCEDURE', body: 'SET @x = 1', parameters: [], sqlMode: '' },
      { schema: 'test', name: 'tame', kind: 'PROCEDURE', body: 'DELETE FROM t', parameters: [], sqlMode: '' },
    ],
    triggers: [],
  };
  return buildCatalogue(rows).function('test', 'F');
}

describe('the body of a routine', () => {
  test.each([
    'RETURN 1',
    'RETURN p * 2',
    'RETURN CONCAT(p, NOW())',
    'RETURN (SELECT MAX(a) FROM t WHERE id = p)',
    'BEGIN RETURN p; END',
    'RETURN pure()',
    'RETURN test.pure()',
  ])('is pure: %s', (body) => {
    expect(routine(body)).toBe('pure');
  });

  test.each([
    'BEGIN DELETE FROM t; RETURN 1; END',
    'BEGIN INSERT INTO t (a, b) VALUES (p, 1); RETURN p; END',
    'BEGIN DECLARE x, y INT DEFAULT 0; SET x = p, y = x + 1; RETURN y; END',
    'BEGIN SET p = p + 1; RETURN p; END',
    'BEGIN DECLARE x INT; SELECT a INTO x FROM t WHERE id = p; IF x > 1 THEN SET x = 2; ELSE SET x = 3; END IF; RETURN x; END',
    'BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND BEGIN END; UPDATE t SET a = p; RETURN 1; END',
    'BEGIN CALL tame(); RETURN pure(); END',
    'BEGIN DECLARE x DECIMAL(10, 2); SET x = CAST(p AS DECIMAL(10,2)); RETURN x; END',
    'BEGIN l: WHILE p > 0 DO SET p = p - 1; LEAVE l; END WHILE; RETURN p; END',
    'RETURN UUID_SHORT()',
  ])('leaves nothing in the session: %s', (body) => {
    expect(routine(body)).toBe('stateless');
  });

  test.each([
    'BEGIN SET @x = 1; RETURN 1; END',
    'BEGIN SELECT a INTO @x FROM t; RETURN 1; END',
    'RETURN @x',
    'RETURN @@server_id',
    "RETURN GET_LOCK('a', 1)",
    'BEGIN SET sql_mode = ""; RETURN 1; END',
    'BEGIN SET SESSION time_zone = "+00:00"; RETURN 1; END',
    'BEGIN SET autocommit = 0; RETURN 1; END',
    'BEGIN SET p = 1, sql_mode = ""; RETURN 1; END',
    'BEGIN IF p THEN SET sql_mode = ""; END IF; RETURN 1; END',
    'BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION SET sql_mode = ""; RETURN 1; END',
    'BEGIN CREATE TEMPORARY TABLE x (a INT); RETURN 1; END',
    'BEGIN PREPARE s FROM "SELECT 1"; RETURN 1; END',
    'BEGIN EXECUTE IMMEDIATE "SET @x = 1"; RETURN 1; END',
    'BEGIN CALL wild(); RETURN 1; END',
    'BEGIN CALL nobody(); RETURN 1; END',
    'RETURN nobody(1)',
    'RETURN f(p - 1)',
    'RETURN LAST_INSERT_ID(5)',
    "BEGIN RETURN 'a; END",
  ])('may leave something: %s', (body) => {
    expect(routine(body)).toBe('stateful');
  });

  test('in a mode that is not read here says nothing', () => {
    expect(routine('RETURN 1', [], 'ORACLE')).toBe('stateful');
    expect(routine('RETURN "a"."b"', [], 'ANSI_QUOTES')).toBe('pure');
  });

  test('parameters are variables, other names are not', () => {
    expect(routine('BEGIN SET q = 1; RETURN 1; END', ['p'])).toBe('stateful');
    expect(routine('BEGIN SET Q = 1; RETURN 1; END', ['q'])).toBe('stateless');
  });
});

describe('tables and views', () => {
  test('that call, are of another engine or unknown are not for replicas', () => {
    const reasons = ['locking', 'setting', 'mem', 'nobody', 'T', 'other.nobody'].map(
      (name) => resolve(analyse(`SELECT * FROM ${name}`), 'test', catalogue).reason,
    );
    expect(reasons).toEqual([
      ...['view calls a routine', 'view calls a routine', 'storage engine'],
      ...['table unknown', 'table unknown', 'table unknown'],
    ]);
  });

  test('that contain themselves over a detour end', () => {
    const views = ['a', 'b'].map((name) => ({
      schema: 's',
      name,
      definition: `select 1 from s.${name === 'a' ? 'b' : 'a'}`,
    }));
    expect(buildCatalogue({ tables: [], views, routines: [], triggers: [] }).table('s', 'a')).toBe('calls');
  });

  test.each([
    ['SELECT * FROM information_schema.TABLES', 'member tables'],
    ['SELECT * FROM Information_Schema.TABLES', 'member tables'],
    ['SELECT * FROM t, performance_schema.threads', 'member tables'],
    ['SELECT * FROM mysql.user', 'member tables'],
    ['SHOW TABLES FROM mysql', 'member tables'],
    ['SELECT * FROM v JOIN locking', 'view calls a routine'],
    ['SELECT twice(a), nobody(a) FROM t', 'stored routine'],
    ['SELECT writes(1)', 'stored routine'],
    ['SELECT FOUND_ROWS(), a FROM locking', 'view calls a routine'],
  ] as const)('%s', (sql, reason) => {
    expect(resolve(analyse(sql), 'test', catalogue)).toMatchObject({ target: 'primary', reason });
  });

  test('a schema of the server as the default schema counts too', () => {
    expect(resolve(analyse('SELECT * FROM TABLES'), 'information_schema', catalogue).reason).toBe(
      'member tables',
    );
    expect(resolve(analyse('SHOW TABLES'), 'mysql', catalogue).reason).toBe('member tables');
  });

  test('pure functions are for replicas, in whatever case', () => {
    expect(resolve(analyse('SELECT TWICE(a), counts() FROM t'), 'test', catalogue).target).toBe('replica');
    expect(resolve(analyse('SELECT twice(a) FROM t'), undefined, catalogue).target).toBe('primary');
  });

  test('nothing that names a table is for a replica without a catalogue', () => {
    expect(resolve(analyse('SELECT * FROM t'), 'test', null).reason).toBe('catalogue unknown');
    expect(resolve(analyse('SELECT 1'), 'test', null).target).toBe('replica');
  });

  test('a trigger that leaves something in the session makes every write to its table do so', () => {
    const trigger = { schema: 's', table: 't', sqlMode: '' };
    const tables = [{ schema: 's', name: 't', engine: 'InnoDB' }];
    const built = (body: string) =>
      buildCatalogue({ tables, views: [], routines: [], triggers: [{ ...trigger, body }] });
    for (const sql of [
      'INSERT INTO t VALUES (1)',
      'UPDATE t SET a = 1',
      'DELETE FROM t',
      'REPLACE t SET a = 1',
    ]) {
      expect(resolve(analyse(sql), 's', built('SET @x = NEW.a')).stateful).toBe(true);
      expect(resolve(analyse(sql), 's', built('SET NEW.a = 1')).stateful).toBe(false);
    }
  });

  test('a view is written through to the triggers of its tables', () => {
    const view = (name: string, from: string) => ({
      schema: 's',
      name,
      definition: `select a from s.${from}`,
    });
    const built = buildCatalogue({
      tables: ['plain', 'tame', 'wild'].map((name) => ({ schema: 's', name, engine: 'InnoDB' })),
      views: [view('over', 'tame'), view('far', 'around'), view('around', 'wild'), view('loop', 'loop')],
      routines: [],
      triggers: [
        { schema: 's', table: 'tame', sqlMode: '', body: 'SET NEW.a = 1' },
        { schema: 's', table: 'wild', sqlMode: '', body: 'SET NEW.a = LAST_INSERT_ID()' },
        { schema: 's', table: 'wild', sqlMode: '', body: 'SET NEW.a = 1' },
      ],
    });
    const names = ['plain', 'tame', 'wild', 'over', 'far', 'loop', 'unknown'];
    expect(names.map((name) => built.triggers('s', name))).toEqual([
      'none',
      'stateless',
      'stateful',
      'stateless',
      'stateful',
      'none',
      'none',
    ]);
  });

  test('a write that reads a view which calls a routine leaves what the routine leaves', () => {
    expect(resolve(analyse('INSERT INTO t (a) SELECT a FROM setting'), 'test', catalogue).stateful).toBe(
      true,
    );
    expect(resolve(analyse('INSERT INTO t (a) SELECT a FROM v'), 'test', catalogue).stateful).toBe(false);
  });
});
