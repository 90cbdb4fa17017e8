import { describe, expect, test } from 'vitest';
import { analyse, useStatement } from '#src/routing/analyse.ts';
import { keepsConnection, sessionPin } from '#src/routing/pins.ts';
import { questionMs } from '#src/routing/questions.ts';
import { resolve } from '#src/routing/resolve.ts';
import { newSession, type Outcome, type SessionState } from '#src/routing/session.ts';
import { afterReset, step } from '#src/routing/step.ts';
import { valueQueries, valuesQuery, withoutVariables, withValues } from '#src/routing/variables.ts';
import { answered, failed, inReadOnly, inTransaction } from './outcomes.ts';
import { replay } from './replay.ts';
import { catalogue } from './table/schema.ts';

function run(state: SessionState, sql: string, outcome: Outcome = answered()): SessionState {
  return step(state, resolve(analyse(sql, state.modes), state.schema, catalogue), outcome);
}

const all = (...list: readonly string[]): SessionState =>
  list.reduce((state, sql) => run(state, sql), newSession('test'));

const pins = (state: SessionState): string[] =>
  state.pins.map((pin) => `${pin.kind}${pin.name === '' ? '' : ` ${pin.name}`}`);

describe('settings', () => {
  test('are repeated in the order of their last writing', () => {
    const state = all("SET sql_mode='ANSI'", 'SET NAMES latin1', "SET time_zone='+01:00'", "SET sql_mode=''");
    expect(replay(state)).toEqual([
      'SET NAMES latin1',
      "SET SESSION time_zone = '+01:00'",
      "SET SESSION sql_mode = ''",
      'USE `test`',
    ]);
  });

  test('SET NAMES takes the place of the variables that it sets, and not the other way round', () => {
    expect(replay(all('SET character_set_results=latin1', 'SET NAMES utf8'))).toEqual([
      'SET NAMES utf8',
      'USE `test`',
    ]);
    expect(replay(all('SET NAMES utf8', 'SET character_set_results=latin1'))).toEqual([
      'SET NAMES utf8',
      'SET SESSION character_set_results = latin1',
      'USE `test`',
    ]);
  });

  test('a collation outlives what the server says of the character sets', () => {
    const said = (charset: string) => ({
      variables: new Map([
        ['character_set_client', charset],
        ['character_set_connection', charset],
        ['character_set_results', charset],
      ]),
    });
    const names = run(all(), 'SET NAMES utf8mb4 COLLATE utf8mb4_bin', answered(said('utf8mb4')));
    expect(replay(names)).toEqual(['SET NAMES utf8mb4 COLLATE utf8mb4_bin', 'USE `test`']);
    const variables = new Map([['character_set_connection', 'latin1']]);
    const set = run(all(), "SET collation_connection='latin1_bin'", answered({ variables }));
    expect(replay(set)).toEqual(["SET SESSION collation_connection = 'latin1_bin'", 'USE `test`']);
    // Of a procedure nobody knows which collation it has set.
    const called = run(all(), 'CALL p()', answered(said('latin1')));
    expect(valuesQuery(called)).toContain('@@SESSION.collation_connection');
  });

  test('leave a session without connections of its own', () => {
    expect(keepsConnection(all('SET NAMES utf8', "SET sql_mode=''", 'SET autocommit=1', 'USE other'))).toBe(
      false,
    );
  });

  test('the schema is quoted, from USE and COM_INIT_DB, and follows what the server tracks', () => {
    const state = step(newSession('test'), resolve(useStatement('a`b'), 'test', null), answered());
    expect(replay(state)).toEqual(['USE `a``b`']);
    expect(run(state, 'DROP DATABASE `a``b`', answered({ schema: '' })).schema).toBeUndefined();
    expect(run(state, 'CALL p()', answered({ schema: 'x' })).schema).toBe('x');
    expect(run(all(), 'USE nonsense', failed()).schema).toBe('test');
  });

  test('the SQL mode decides how the next statement is read', () => {
    const state = all("SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
    const flags = 0x0202;
    const known = run(state, "SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", answered({ status: flags }));
    expect(analyse('SELECT "a"."f"()', known.modes).routines).toEqual([{ schema: 'a', name: 'f' }]);
    expect(analyse("SELECT 'a\\', f()", known.modes).routines).toEqual([{ schema: undefined, name: 'f' }]);
    expect(analyse("SELECT 'a\\', f()", newSession('').modes).class).toBe('unknown');
  });

  test('a mode with a grammar of its own leaves nothing readable', () => {
    const state = all("SET sql_mode='ORACLE'");
    expect(analyse('SELECT 1', state.modes)).toMatchObject({
      target: 'primary',
      reason: 'sql mode',
      resend: false,
    });
  });

  test('the status flag for backslashes is believed', () => {
    expect(run(all(), 'CALL p()', answered({ status: 0x0202 })).modes.sqlMode?.noBackslashEscapes).toBe(true);
  });
});

describe('a value that only the server can work out', () => {
  test('keeps the session on its connection until the router has asked for it', () => {
    const state = all("SET sql_mode=CONCAT(@@sql_mode, ',ANSI'), time_zone='+00:00'");
    expect(keepsConnection(state)).toBe(true);
    expect(analyse('SELECT 1', state.modes).reason).toBe('sql mode');
    expect(analyse(' kill query 7;', state.modes).effects).toContainEqual({
      kind: 'kill',
      id: '7',
      query: true,
    });
    expect(analyse('KILL "7"', state.modes).effects).toHaveLength(1);
    expect(valuesQuery(state)).toBe('SELECT @@SESSION.sql_mode');
    const known = withValues(state, ['STRICT_TRANS_TABLES,ANSI']);
    expect(keepsConnection(known)).toBe(false);
    expect(known.modes.sqlMode?.ansiQuotes).toBe(true);
    expect(replay(known)).toContain("SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ANSI'");
  });

  test('is known at once when the server tracks the variable', () => {
    const variables = new Map([['sql_mode', 'ANSI_QUOTES']]);
    const state = run(all(), "SET sql_mode=CONCAT('ANSI', '_QUOTES')", answered({ variables }));
    expect(keepsConnection(state)).toBe(false);
    expect(state.modes.sqlMode?.ansiQuotes).toBe(true);
  });

  test.each([
    [
      'SET NAMES DEFAULT',
      'SELECT @@SESSION.character_set_client, @@SESSION.character_set_results, @@SESSION.collation_connection',
    ],
    [
      'SET CHARACTER SET latin1',
      'SELECT @@SESSION.character_set_client, @@SESSION.character_set_results, @@SESSION.collation_connection',
    ],
    ['SET wait_timeout=5*60', 'SELECT @@SESSION.wait_timeout'],
  ])('%s', (sql, query) => {
    expect(valuesQuery(all(sql))).toBe(query);
  });

  test('is repeated so that it means the same in every mode and character set', () => {
    const state = all("SET a=CONCAT(''), b=CONCAT(''), c=CONCAT(''), d=CONCAT('')");
    const sql = replay(withValues(state, ['12', "it's", null, 'a\\b']));
    expect(sql.slice(0, 4)).toEqual([
      'SET SESSION a = 12',
      'SET SESSION b = CONVERT(0x69742773 USING utf8mb4)',
      'SET SESSION c = NULL',
      'SET SESSION d = CONVERT(0x615c62 USING utf8mb4)',
    ]);
  });

  test.each([
    ['SET nonsense=1', 1193],
    ['SET nonsense=@x', 1193],
    ['SET select=1', 1064],
    ['SET read_only=1', 1229],
    ['SET version=1', 1238],
    ['SET `a b`=1, @tandem_consistency=host', 1193],
  ])('is not left by %s, refused with %i', (sql, errno) => {
    const state = run(all(), sql, failed({ errno }));
    expect(valuesQuery(state)).toBeUndefined();
    expect(state.unresolved).toEqual([]);
  });

  test('may have been left by a SET that was refused otherwise, or in part', () => {
    expect(run(all(), 'SET sql_mode=@x', failed({ errno: 1231 })).unresolved).toEqual(['sql_mode']);
    const several = run(all(), 'SET wait_timeout=1; SET nonsense=1', failed({ errno: 1193 }));
    expect(several.unresolved).toEqual(['wait_timeout', 'nonsense']);
    expect(valueQueries(several)).toEqual(['SELECT @@SESSION.wait_timeout', 'SELECT @@SESSION.nonsense']);
    expect(valuesQuery(withoutVariables(several, new Set([1])))).toBe('SELECT @@SESSION.wait_timeout');
  });

  test('is one of a few: more keep the session where it is', () => {
    const sql = `SET ${Array.from({ length: 10_000 }, (_, index) => `a${index}=1`)}`;
    const state = run(all(), `${sql}, sql_mode=''`, failed());
    expect(state.unresolved.length).toBeLessThanOrEqual(64);
    expect(pins(state)).toEqual(['unresolved']);
    expect(sessionPin(state)).toBeDefined();
    expect(state.modes.sqlMode).toBeUndefined();
  });

  test('and so is one that a failed SET may have set', () => {
    const state = run(all(), "SET sql_mode='ANSI', nonsense=1", failed());
    expect(valuesQuery(state)).toBe('SELECT @@SESSION.sql_mode, @@SESSION.nonsense');
    expect(state.modes.sqlMode).toBeUndefined();
    expect(valuesQuery(run(all(), 'USE a; nonsense', failed()))).toBe('SELECT DATABASE()');
  });
});

describe('pins', () => {
  test.each([
    [['SET @x=1'], ['user variables'], 'connection'],
    [['SELECT @x:=1'], ['user variables'], 'connection'],
    [["PREPARE s FROM 'SELECT 1'"], ['prepared statement s'], 'connection'],
    [["PREPARE s FROM 'SELECT 1'", 'DEALLOCATE PREPARE s'], [], undefined],
    [['CREATE TEMPORARY TABLE x (a INT)'], ['temporary table test.x'], 'session'],
    [['CREATE TEMPORARY TABLE x (a INT)', 'DROP TEMPORARY TABLE test.x'], [], undefined],
    [
      ['CREATE TEMPORARY TABLE x (a INT)', 'USE other', 'DROP TEMPORARY TABLE x'],
      ['temporary table test.x'],
      'session',
    ],
    [['CREATE TEMPORARY TABLE x (a INT)', 'DROP TABLE x'], ['temporary table test.x'], 'session'],
    [
      ['CREATE TEMPORARY TABLE x (a INT)', 'ALTER TABLE x RENAME TO y', 'DROP TEMPORARY TABLE x'],
      ['temporary table'],
      'session',
    ],
    [["SELECT GET_LOCK('a', 1)"], ["lock 'a'"], 'session'],
    [["SELECT GET_LOCK('a', 1)", "SELECT GET_LOCK('a', 1)", "DO RELEASE_LOCK('a')"], ["lock 'a'"], 'session'],
    [["SELECT GET_LOCK('a', 1)", "DO RELEASE_LOCK('a')"], [], undefined],
    [["SELECT GET_LOCK('a', 1)", "DO RELEASE_LOCK('b')"], ["lock 'a'"], 'session'],
    [['SELECT GET_LOCK(b, 1) FROM t', "DO RELEASE_LOCK('a')"], ['lock'], 'session'],
    [['SELECT GET_LOCK(b, 1) FROM t', 'DO RELEASE_ALL_LOCKS()'], [], undefined],
    [['LOCK TABLES t READ'], ['table locks'], 'session'],
    [['LOCK TABLES t READ', 'UNLOCK TABLES'], [], undefined],
    [['HANDLER t OPEN', 'HANDLER u OPEN AS x', 'HANDLER t CLOSE'], ['handler x'], 'session'],
    [['SET sql_auto_is_null=1'], ['variable sql_auto_is_null'], 'session'],
    [['SET sql_auto_is_null=1', 'SET sql_auto_is_null=0'], [], undefined],
    [["SET tx_isolation='SERIALIZABLE'"], ['isolation'], 'session'],
    [["SET tx_isolation='SERIALIZABLE'", "SET tx_isolation='READ-COMMITTED'"], [], undefined],
    [['CALL nothing()'], ['insert id'], 'connection'],
    [['CALL adds(1)'], ['insert id'], 'connection'],
    [['CALL names()'], ['routine', 'insert id'], 'session'],
    [['CALL unknown()'], ['routine', 'insert id'], 'session'],
    [['SELECT twice(1)'], [], undefined],
    [['SELECT sets()'], ['routine'], 'session'],
    [['SELECT * FROM locking'], ['routine'], 'session'],
    [['SELECT * FROM v'], [], undefined],
    [["EXECUTE IMMEDIATE 'SET @x=1'"], ['text prepared'], 'session'],
    [['BEGIN NOT ATOMIC SET @x=1; END'], ['routine'], 'session'],
    [["SET session_track_system_variables='autocommit'"], ['tracking'], 'session'],
    [["SET session_track_system_variables='autocommit,last_gtid'"], [], undefined],
    [["XA START 'a'", "XA END 'a'", "XA PREPARE 'a'"], ["xa 'a',"], 'session'],
    [["XA START 'a'", "XA END 'a'", "XA PREPARE 'a'", "XA COMMIT 'a'"], [], undefined],
    [['SET TRANSACTION READ ONLY'], ['next transaction'], 'session'],
  ] as const)('%j', (list, expected, scope) => {
    const state = all(...list);
    expect(pins(state)).toEqual(expected);
    expect(sessionPin(state) !== undefined).toBe(scope === 'session');
    expect(keepsConnection(state)).toBe(scope !== undefined);
  });

  test('an error takes nothing back', () => {
    const held = all("SELECT GET_LOCK('a', 1)");
    expect(pins(run(held, "DO RELEASE_LOCK('a')", failed()))).toEqual(["lock 'a'"]);
    expect(pins(run(all(), 'SELECT @x := a FROM t', failed()))).toEqual(['user variables']);
    expect(pins(run(all(), 'CALL names()', failed()))).toEqual(['routine']);
  });

  test('an error of what could not be read leaves nothing, if it was a statement at all', () => {
    expect(pins(run(all(), 'SELEC 1', failed()))).toEqual([]);
    expect(pins(run(all(), 'CREATE TEMPORARY TABLE x (', failed()))).not.toContain('temporary table test.x');
    expect(pins(run(all(), 'SELEC 1; SET @x=1', failed()))).toContain('text');
    expect(pins(run(all(), "SELECT 'a", failed()))).toEqual(['text not understood']);
  });

  test('very many locks become one pin that only the end of all takes away', () => {
    const list = Array.from({ length: 70 }, (_, index) => `SELECT GET_LOCK('${index}', 1)`);
    const state = all(...list);
    expect(pins(state)).toEqual(['lock']);
    expect(pins(run(state, "DO RELEASE_LOCK('3')"))).toEqual(['lock']);
    expect(pins(run(state, 'DO RELEASE_ALL_LOCKS()'))).toEqual([]);
  });

  test('autocommit is followed by the status flag', () => {
    const off = run(all(), 'SET autocommit=0', answered({ status: 0 }));
    expect(pins(off)).toEqual(['autocommit']);
    expect(pins(run(off, 'SET autocommit=1', answered()))).toEqual([]);
    expect(pins(run(all(), 'CALL p()', answered({ status: 0 })))).toContain('autocommit');
  });
});

describe('the last insert id', () => {
  test('lives on the connection until the router has asked for it', () => {
    const state = run(all(), 'INSERT INTO t (a) VALUES (1)', answered({ insertId: true }));
    expect(keepsConnection(state)).toBe(true);
    expect(sessionPin(state)).toBeUndefined();
    expect(valuesQuery(state)).toBe('SELECT @@SESSION.last_insert_id');
    const known = withValues(state, ['7']);
    expect(keepsConnection(known)).toBe(false);
    expect(replay(known)).toEqual(['USE `test`']);
    expect(replay(known, analyse('SELECT a FROM t'))).toEqual(['USE `test`']);
    expect(replay(known, analyse('SELECT LAST_INSERT_ID()'))).toEqual([
      'SET SESSION last_insert_id = 7',
      'USE `test`',
    ]);
  });

  test.each([
    'SELECT LAST_INSERT_ID()',
    'SELECT @@last_insert_id',
    'SELECT @@session.identity',
    'INSERT INTO u (id) VALUES (LAST_INSERT_ID())',
    'SELECT unknown_function()',
    'CALL p()',
  ])('%s may ask for it', (sql) => {
    expect(analyse(sql).usesInsertId).toBe(true);
  });
});

describe('transactions', () => {
  test('are followed by the status flags', () => {
    const begun = run(all(), 'BEGIN', answered({ status: inTransaction }));
    expect(begun.transaction).toEqual({ member: 'db1', role: 'primary', readOnly: false, untouched: true });
    const read = run(begun, 'SELECT * FROM t', answered({ status: inTransaction }));
    expect(read.transaction?.untouched).toBe(false);
    expect(run(read, 'COMMIT').transaction).toBeUndefined();
    expect(run(read, 'CREATE TABLE x (a INT)').transaction).toBeUndefined();
    expect(run(read, 'COMMIT AND CHAIN', answered({ status: inTransaction })).transaction).toBeDefined();
    expect(run(read, 'SELECT 1', failed()).transaction).toBeDefined();
  });

  test('that nobody has announced are transactions too', () => {
    const state = run(all(), 'CALL p()', answered({ status: inTransaction }));
    expect(state.transaction).toMatchObject({ member: 'db1', untouched: false });
  });

  test('READ ONLY on a replica goes on while something runs beside it', () => {
    const replica = { member: 'db2', role: 'replica' } as const;
    const begun = run(all(), 'START TRANSACTION READ ONLY', answered({ ...replica, status: inReadOnly }));
    expect(begun.transaction).toEqual({ ...replica, readOnly: true, untouched: true });
    const beside = run(begun, 'SELECT @@version', answered());
    expect(beside.transaction).toEqual(begun.transaction);
    expect(run(beside, 'CREATE TABLE x (a INT)', answered()).transaction).toBeUndefined();
    const moved = run(begun, 'START TRANSACTION READ ONLY', answered({ status: inReadOnly }));
    expect(moved.transaction?.member).toBe('db1');
  });

  test('a snapshot is touched from its beginning', () => {
    const sql = 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY';
    expect(run(all(), sql, answered({ status: inReadOnly })).transaction?.untouched).toBe(false);
  });

  test('end what SET TRANSACTION said of the next one, which a statement alone does not', () => {
    const set = all('SET TRANSACTION READ ONLY');
    expect(pins(run(set, 'SELECT 1'))).toEqual(['next transaction']);
    const begun = run(set, 'BEGIN', answered({ status: inReadOnly }));
    expect(pins(begun)).toEqual(['next transaction']);
    expect(pins(run(begun, 'COMMIT'))).toEqual([]);
  });

  test('START TRANSACTION gives table locks back', () => {
    expect(pins(run(all('LOCK TABLES t READ'), 'BEGIN', answered({ status: inTransaction })))).toEqual([]);
  });
});

describe('what was asked about the statement before', () => {
  test('stays with the statement that it asks about', () => {
    const state = run(
      all(),
      'SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1',
      answered({ member: 'db2', role: 'replica', warnings: 2 }),
    );
    expect(state.last).toEqual({
      member: 'db2',
      role: 'replica',
      warnings: 2,
      foundRows: true,
      diagnosed: undefined,
    });
    expect(run(state, 'SELECT FOUND_ROWS()', answered({ member: 'db2', role: 'replica' })).last).toEqual({
      ...state.last,
      foundRows: false,
    });
    expect(run(state, 'SELECT 1').last?.member).toBe('db1');
  });

  test('is waited for where it can be answered', () => {
    const counted = run(
      all(),
      'SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1',
      answered({ member: 'db2', role: 'replica' }),
    );
    expect([questionMs(counted, 'replica'), questionMs(counted, 'primary')]).toEqual([5_000, 0]);
    const asked = run(counted, 'SELECT FOUND_ROWS()', answered({ member: 'db2', role: 'replica' }));
    expect(questionMs(asked, 'replica')).toBe(0);
    const warned = run(all(), 'UPDATE t SET a = 1', answered({ warnings: 1 }));
    expect([questionMs(warned, 'primary'), questionMs(warned, 'replica')]).toEqual([1_000, 0]);
    // A query without tables leaves them.
    expect(questionMs(run(warned, 'SELECT 1'), 'primary')).toBe(1_000);
    expect(questionMs(run(warned, 'UPDATE t SET a = 1'), 'primary')).toBe(0);
  });
});

describe('what reads must see', () => {
  const position = [{ domain: 0, server: 1, sequence: 7 }];

  test('a write with its position', () => {
    const state = run(all(), 'INSERT INTO t VALUES (1)', answered({ position, epoch: 3 }));
    expect(state.freshness).toEqual({ atLeast: { epoch: 3, position }, pending: [] });
  });

  test('a write without one, an error and a read are pending on their member', () => {
    const pending = [{ member: 'db1', epoch: 1, endedMs: 5 }];
    for (const [sql, outcome] of [
      ['SELECT NEXTVAL(s)', answered({ endedMs: 5 })],
      ['CALL p()', failed({ endedMs: 5 })],
      ['SELECT * FROM t', answered({ endedMs: 5 })],
    ] as const) {
      const { freshness } = run(all(), sql, outcome);
      if (sql.includes('NEXTVAL')) expect(freshness.pending).toEqual([]);
      else expect(freshness.pending).toEqual(pending);
    }
  });

  test('a later write on the same member settles what was pending there', () => {
    const read = run(all(), 'SELECT * FROM t', answered({ endedMs: 5 }));
    expect(run(read, 'INSERT INTO t VALUES (1)', answered({ position })).freshness.pending).toEqual([]);
  });

  test('statements without data show nothing', () => {
    expect(all('SELECT 1', 'SET NAMES utf8', 'BEGIN', 'COMMIT', 'SELECT NOW()').freshness.pending).toEqual(
      [],
    );
  });

  test('the replica of the last read is remembered', () => {
    const replica = answered({ member: 'db2', role: 'replica' });
    expect(run(all(), 'SELECT * FROM t', replica).readFrom).toBe('db2');
    expect(run(all(), 'SELECT 1', replica).readFrom).toBeUndefined();
  });
});

describe('reset', () => {
  const used = run(
    all(
      'SET NAMES latin1',
      'SET @x=1',
      "SET sql_mode='ANSI'",
      'USE other',
      "SET @tandem_consistency='global'",
    ),
    'INSERT INTO t VALUES (1)',
    answered({ position: [{ domain: 0, server: 1, sequence: 1 }], insertId: true }),
  );

  test('takes the state of the session, not the schema and not what was seen', () => {
    const state = afterReset(used, 'utf8mb4');
    expect(state).toEqual({ ...newSession('other'), freshness: used.freshness });
  });
});
