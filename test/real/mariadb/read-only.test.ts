import type { Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PASSWORD, removeDirectories } from './data-directory.ts';
import { disposeServers, MariadbServer } from './server.ts';
import { waitFor } from './wait.ts';

let server: MariadbServer;
const open: Connection[] = [];

beforeAll(async () => {
  server = await MariadbServer.create('read-only', ['server-id=1']);
  await server.start();
  await server.run(
    'CREATE TABLE test.t (id INT PRIMARY KEY AUTO_INCREMENT, a INT) ENGINE=InnoDB',
    'CREATE PROCEDURE test.by_root() INSERT INTO test.t (a) VALUES (1)',
    'CREATE PROCEDURE test.by_caller() SQL SECURITY INVOKER INSERT INTO test.t (a) VALUES (1)',
  );
});
beforeEach(() => server.run('SET GLOBAL read_only=1'));
afterEach(async () => {
  for (const connection of open.splice(0)) connection.destroy();
  await server.run('SET GLOBAL read_only=0', 'SET GLOBAL event_scheduler=0', 'DELETE FROM test.t');
});
afterAll(async () => {
  await disposeServers();
  removeDirectories();
});

let accounts = 0;

/** A connection of a new account with ALL on its schema, which is what an application gets, and `global` on all. */
async function account(global = 'USAGE'): Promise<Connection> {
  const name = `account_${++accounts}`;
  await server.run(
    'SET sql_log_bin=0',
    `CREATE USER ${name}@'%' IDENTIFIED BY '${PASSWORD}'`,
    `GRANT ${global} ON *.* TO ${name}@'%'`,
    `GRANT ALL ON test.* TO ${name}@'%'`,
    'SET sql_log_bin=1',
  );
  const connection = await server.connect({ user: name, password: PASSWORD, multipleStatements: true });
  open.push(connection);
  return connection;
}

/** What became of `sql`, and whether it left a transaction in the binary log: an errant one, on a replica. */
async function tryOut(connection: Connection, sql: string): Promise<{ errno: number; errant: boolean }> {
  const before = await server.value('SELECT @@gtid_binlog_pos');
  const errno = await connection.query(sql).then(
    () => 0,
    (error: { errno?: number }) => error.errno ?? -1,
  );
  return { errno, errant: (await server.value('SELECT @@gtid_binlog_pos')) !== before };
}

const ERRANT = { errno: 0, errant: true };
const HARMLESS = { errno: 0, errant: false };
const REFUSED = { errno: 1290, errant: false };
/** 1227: an access denied that names the missing privilege. */
const DENIED = { errno: 1227, errant: false };

describe('an application account (ALL on its schema only) under read_only', () => {
  test.each([
    'INSERT INTO t (a) VALUES (1)',
    'CREATE TABLE u (id INT)',
    'ANALYZE TABLE t',
    'TRUNCATE TABLE t',
    'CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t',
    'CALL by_caller()',
    'LOCK TABLES t WRITE',
  ])('is refused with 1290: %s', async (sql) => {
    expect(await tryOut(await account(), sql)).toEqual(REFUSED);
  });

  // The router replays a refused statement only when this text proves that nothing of it has run.
  test('is told --read-only in the message', async () => {
    const error = await (await account())
      .query('INSERT INTO t (a) VALUES (1)')
      .catch((reason: Error) => reason);
    expect(error).toMatchObject({ errno: 1290, sqlState: 'HY000' });
    expect(String(error)).toContain('--read-only option');
  });

  // Temporary tables are the session's own; they are no reason to leave the replica.
  test('may write to temporary tables, and leaves nothing in the binary log', async () => {
    const connection = await account();
    expect(await tryOut(connection, 'CREATE TEMPORARY TABLE tmp (id INT)')).toEqual(HARMLESS);
    expect(await tryOut(connection, 'INSERT INTO tmp VALUES (1)')).toEqual(HARMLESS);
  });

  // The routine runs as its definer: one CALL on a replica diverges it. So CALL goes to the primary.
  test('writes by CALL of a routine with a privileged definer', async () => {
    expect(await tryOut(await account(), 'CALL by_root()')).toEqual(ERRANT);
  });

  test('has no FLUSH', async () => {
    expect(await tryOut(await account(), 'FLUSH TABLES')).toEqual(DENIED);
  });
});

describe('a statement that is refused in its midst', () => {
  // 1290 proves nothing for these: the first row stays, so they are never sent again.
  test.each([
    ['CALL', 'CALL mixed()'],
    [
      'a compound block',
      `BEGIN NOT ATOMIC ${'INSERT INTO t (a) VALUES (1); SELECT SLEEP(0.5);'.repeat(2)} END`,
    ],
    ['a multi-statement', 'INSERT INTO t (a) VALUES (1); SELECT SLEEP(0.5); INSERT INTO t (a) VALUES (1)'],
  ])('%s commits its first row and then gets 1290', async (_name, sql) => {
    await server.run(
      'SET GLOBAL read_only=0',
      'CREATE OR REPLACE PROCEDURE test.mixed() SQL SECURITY INVOKER ' +
        'BEGIN INSERT INTO t (a) VALUES (1); DO SLEEP(0.5); INSERT INTO t (a) VALUES (2); END',
    );
    const connection = await account();
    const running = tryOut(connection, sql);
    await waitFor('the first row', async () => (await server.value('SELECT COUNT(*) FROM test.t')) === '1');
    await server.run('SET GLOBAL read_only=1');
    expect(await running).toEqual({ errno: 1290, errant: true });
    expect(await server.value('SELECT COUNT(*) FROM test.t')).toBe('1');
  });
});

describe('privileges that get past read_only', () => {
  // root writes on a replica as if nothing were: no agent, no router and no application logs in as root.
  test('ALL ON *.* writes, as it includes READ_ONLY ADMIN', async () => {
    expect(await tryOut(await account('ALL'), 'INSERT INTO t (a) VALUES (1)')).toEqual(ERRANT);
  });

  test('READ_ONLY ADMIN writes', async () => {
    expect(await tryOut(await account('READ_ONLY ADMIN'), 'INSERT INTO t (a) VALUES (1)')).toEqual(ERRANT);
  });

  // Until 10.11 it did; dumps and tutorials still grant it, so it is still never granted here.
  test('SUPER does not write', async () => {
    expect(await tryOut(await account('SUPER'), 'INSERT INTO t (a) VALUES (1)')).toEqual(REFUSED);
  });

  test('RELOAD leaves an errant GTID by FLUSH TABLES, none with NO_WRITE_TO_BINLOG, none by FLUSH LOGS', async () => {
    const connection = await account('RELOAD');
    expect(await tryOut(connection, 'FLUSH TABLES')).toEqual(ERRANT);
    expect(await tryOut(connection, 'FLUSH NO_WRITE_TO_BINLOG TABLES')).toEqual(HARMLESS);
    expect(await tryOut(connection, 'FLUSH LOGS')).toEqual(HARMLESS);
  });

  test.each([
    'REPLICATION SLAVE',
    'REPLICATION SLAVE ADMIN',
    'REPLICATION MASTER ADMIN',
    'BINLOG MONITOR',
    'BINLOG ADMIN',
    'REPLICA MONITOR',
    'CONNECTION ADMIN',
    'PROCESS',
    'CREATE USER',
  ])('%s does not write', async (privilege) => {
    expect(await tryOut(await account(privilege), 'INSERT INTO t (a) VALUES (1)')).toEqual(REFUSED);
  });

  // An event runs as its definer, on every member where the scheduler is on: off until promoted.
  test("root's events write", async () => {
    await server.run(
      'CREATE OR REPLACE EVENT test.e ON SCHEDULE AT NOW() ON COMPLETION PRESERVE DO INSERT INTO test.t (a) VALUES (7)',
      'SET GLOBAL event_scheduler=1',
      'ALTER EVENT test.e ON SCHEDULE AT NOW() + INTERVAL 1 SECOND ENABLE',
    );
    await waitFor('the row of the event', async () => (await server.value('SELECT a FROM test.t')) === '7');
  });
});

/** The privilege that each statement of the agent needs; '' for none. */
const needs: Readonly<Record<string, string>> = {
  'SELECT @@gtid_binlog_pos, @@gtid_slave_pos': '',
  "SHOW GLOBAL STATUS LIKE 'Rpl_semi%'": '',
  'SHOW SLAVE STATUS': 'REPLICA MONITOR',
  'SHOW MASTER STATUS': 'BINLOG MONITOR',
  'STOP SLAVE': 'REPLICATION SLAVE ADMIN',
  "CHANGE MASTER TO MASTER_HOST='127.0.0.1'": 'REPLICATION SLAVE ADMIN',
  'SET GLOBAL rpl_semi_sync_slave_enabled=0': 'REPLICATION SLAVE ADMIN',
  'SET GLOBAL sync_relay_log=1': 'REPLICATION SLAVE ADMIN',
  'SET GLOBAL rpl_semi_sync_master_enabled=0': 'REPLICATION MASTER ADMIN',
  'SET GLOBAL server_id=1': 'REPLICATION MASTER ADMIN',
  'RESET SLAVE ALL': 'RELOAD',
  'SET GLOBAL read_only=1': 'READ_ONLY ADMIN',
  'SET GLOBAL event_scheduler=0': 'SUPER',
};

describe('the least privilege for', () => {
  test.each(Object.entries(needs))('%s is: %s', async (sql, privilege) => {
    expect((await tryOut(await account(), sql)).errno).toBe(privilege === '' ? 0 : 1227);
    if (privilege !== '') expect((await tryOut(await account(privilege), sql)).errno).toBe(0);
  });
});

test('read_only=1 waits for a transaction that waits for one that may not write any more: nobody goes on', async () => {
  await server.run('SET GLOBAL read_only=0', 'INSERT INTO test.t (id, a) VALUES (1, 0), (2, 0)');
  const [reader, writer, closer] = [await account(), await account(), await server.connect()];
  open.push(closer);
  await reader.query('BEGIN');
  await reader.query('SELECT * FROM test.t WHERE id = 1 FOR UPDATE');
  await writer.query('BEGIN');
  await writer.query('UPDATE test.t SET a = 2 WHERE id = 2');
  const waitsForRow = writer.query('UPDATE test.t SET a = 2 WHERE id = 1');
  const closes = closer.query('SET GLOBAL read_only=1').catch((error: { errno?: number }) => error.errno);
  const waiting = async (state: RegExp) => {
    const rows = await server.rows('SELECT STATE FROM information_schema.PROCESSLIST');
    return rows.some((row) => state.test(String(row['STATE'])));
  };
  await waitFor('the read lock to be waited for', () => waiting(/global read lock|backup lock/i));
  const writes = reader.query('UPDATE test.t SET a = 1 WHERE id = 1');
  const ended = Promise.race([waitsForRow, closes, writes]).then(() => 'ended');
  const still = new Promise((resolve) => setTimeout(() => resolve('all wait'), 600));
  expect(await Promise.race([ended, still])).toBe('all wait');
  // Given up, it lets them end.
  await server.run(`KILL QUERY ${closer.threadId}`);
  expect(await closes).toBe(1317);
  await writes;
  await reader.query('COMMIT');
  await waitsForRow;
  await writer.query('COMMIT');
});
