import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { removeDirectories } from './data-directory.ts';
import { forwardTo } from './forwarder.ts';
import { type Part, RawClient, STATE_CHANGED } from './raw-client.ts';
import { disposeServers, MariadbServer } from './server.ts';

let server: MariadbServer;
let client: RawClient;

beforeAll(async () => {
  server = await MariadbServer.create('tracking', ['server-id=1', 'local-infile=ON', ...tracking]);
  await server.start();
  await server.run(
    'SET GLOBAL log_bin_trust_function_creators=1',
    'CREATE TABLE test.t (id INT PRIMARY KEY AUTO_INCREMENT, a INT) ENGINE=InnoDB',
    'CREATE SEQUENCE test.s NOCACHE',
    'CREATE FUNCTION test.f() RETURNS INT BEGIN INSERT INTO test.t (a) VALUES (1); RETURN 1; END',
    'CREATE VIEW test.v AS SELECT test.f() AS a',
    'CREATE PROCEDURE test.p() INSERT INTO test.t (a) VALUES (1)',
    'CREATE PROCEDURE test.fails() BEGIN INSERT INTO test.t (a) VALUES (1); SIGNAL SQLSTATE "45000"; END',
    'CREATE PROCEDURE test.temporary() CREATE TEMPORARY TABLE test.tmp (id INT)',
    'CREATE PROCEDURE test.variable() SET @x = 1',
    'CREATE VIEW test.locked AS SELECT GET_LOCK("a", 1) AS a',
  );
});
afterAll(async () => {
  await disposeServers();
  removeDirectories();
});
beforeEach(async () => {
  client = await RawClient.connect(server.socketPath);
  await client.query('USE test');
});

/** What Tandem renders for every member. */
const tracking = ['session-track-system-variables=last_gtid', 'session-track-state-change=OFF'];

/** The position that a response told, '' when it told none. */
function told(parts: readonly Part[]): string {
  return parts.map((part) => part.variables.last_gtid ?? '').findLast((gtid) => gtid !== '') ?? '';
}

/** Asserts that what the response told is the last transaction in the binary log, and that there was a new one. */
async function expectTold(run: () => Promise<Part[]>): Promise<void> {
  const before = await server.value('SELECT @@gtid_binlog_pos');
  const parts = await run();
  const after = await server.value('SELECT @@gtid_binlog_pos');
  expect(after).not.toBe(before);
  expect(told(parts)).toBe(after);
}

/** Asserts that the statement wrote a transaction and the response doesn't tell which. */
async function expectUntold(run: () => Promise<Part[]>): Promise<Part[]> {
  const before = await server.value('SELECT @@gtid_binlog_pos');
  const parts = await run();
  expect(await server.value('SELECT @@gtid_binlog_pos')).not.toBe(before);
  expect(told(parts)).toBe('');
  return parts;
}

/** Runs `use` on a connection made while the global list is `list`. */
async function withGlobalSetting(list: string, use: (other: RawClient) => Promise<void>): Promise<void> {
  await server.run(`SET GLOBAL session_track_system_variables="${list}"`);
  try {
    const other = await RawClient.connect(server.socketPath);
    await other.query('USE test');
    await use(other);
    other.close();
  } finally {
    await server.run('SET GLOBAL session_track_system_variables="last_gtid"');
  }
}

describe('last_gtid comes with the OK of', () => {
  // The router's freshness promise rests on these: after each of them it knows what a replica must have applied.
  test.each([
    ['an autocommit write', 'INSERT INTO t (a) VALUES (1)'],
    ['DDL', 'CREATE OR REPLACE TABLE u (id INT)'],
    ['CALL', 'CALL p()'],
    ['DO f()', 'DO f()'],
    ['SET @x = f()', 'SET @x = f()'],
    ['EXECUTE IMMEDIATE', 'EXECUTE IMMEDIATE "INSERT INTO t (a) VALUES (1)"'],
    ['a compound block', 'BEGIN NOT ATOMIC INSERT INTO t (a) VALUES (1); END'],
  ])('%s', async (_name, sql) => {
    await expectTold(() => client.query(sql));
  });

  test('COMMIT, not the statements before it', async () => {
    await client.query('BEGIN');
    expect(told(await client.query('INSERT INTO t (a) VALUES (1)'))).toBe('');
    await expectTold(() => client.query('COMMIT'));
  });

  test('an implicit commit', async () => {
    await client.query('BEGIN');
    await client.query('INSERT INTO t (a) VALUES (1)');
    await expectTold(() => client.query('BEGIN'));
    await client.query('COMMIT');
    await client.query('SET autocommit=0');
    await client.query('INSERT INTO t (a) VALUES (1)');
    await expectTold(() => client.query('SET autocommit=1'));
  });

  test('a prepared statement, by SQL and by the binary protocol', async () => {
    await client.query('PREPARE s FROM "INSERT INTO t (a) VALUES (1)"');
    await expectTold(() => client.query('EXECUTE s'));
    await expectTold(() => client.execute('INSERT INTO t (a) VALUES (1)'));
  });

  test('each part of a multi-statement', async () => {
    const parts = await client.query('INSERT INTO t (a) VALUES (1); INSERT INTO t (a) VALUES (2)');
    const [first, second] = parts.map((part) => part.variables.last_gtid ?? '');
    expect(first).toMatch(/^0-1-\d+$/);
    expect(second).toBe(await server.value('SELECT @@gtid_binlog_pos'));
    expect(second).not.toBe(first);
  });

  test('XA COMMIT', async () => {
    for (const sql of ['XA START "x"', 'INSERT INTO t (a) VALUES (1)', 'XA END "x"', 'XA PREPARE "x"']) {
      await client.query(sql);
    }
    await expectTold(() => client.query('XA COMMIT "x"'));
  });

  test('LOAD DATA LOCAL', async () => {
    await expectTold(() => client.query('LOAD DATA LOCAL INFILE "x" INTO TABLE t (a)', '1\n2\n'));
  });
});

describe('last_gtid with a write that returns a result set', () => {
  const writes = [
    ['nextval', 'SELECT NEXTVAL(s)'],
    ['INSERT RETURNING', 'INSERT INTO t (a) VALUES (1) RETURNING id'],
    ['SELECT of a function that writes', 'SELECT f()'],
    ['SELECT of a view over such a function', 'SELECT * FROM v'],
  ];

  // The old EOF packet has no room for it, only a status flag: then the position is unknown, not unchanged.
  test.each(writes)('%s: not told, only flagged (0x4000), with the old EOF packet', async (_name, sql) => {
    const parts = await expectUntold(() => client.query(sql));
    expect(parts.at(-1)?.kind).toBe('result set');
    expect((parts.at(-1)?.status ?? 0) & STATE_CHANGED).toBe(STATE_CHANGED);
    expect(await server.value('SELECT @@gtid_binlog_pos')).toMatch(/^0-1-/);
  });

  // So the router negotiates DEPRECATE_EOF with the servers, whatever its client can do.
  test.each(writes)('%s: told with DEPRECATE_EOF', async (_name, sql) => {
    client = await RawClient.connect(server.socketPath, { deprecateEof: true });
    await client.query('USE test');
    await expectTold(() => client.query(sql));
  });
});

describe('last_gtid is not told', () => {
  // The rows are committed and the client got an error: without this knowledge it could read older data next.
  test('after the ERR of a CALL that had already written; @@last_gtid tells it', async () => {
    const parts = await expectUntold(() => client.query('CALL fails()'));
    expect(parts.at(-1)?.errno).toBe(1644);
    // Compared on the server, as this client doesn't read rows.
    const unequal = 'IF @@last_gtid <> @@gtid_binlog_pos THEN SIGNAL SQLSTATE "45000"; END IF';
    expect((await client.query(`BEGIN NOT ATOMIC ${unequal}; END`))[0]?.errno).toBe(0);
  });

  // The setting has to stand in the server's configuration: a pool's reset drops what a session had set.
  test('after COM_RESET_CONNECTION when only the session had asked; a global setting comes back', async () => {
    await client.query('SET SESSION session_track_system_variables=""');
    await expectUntold(() => client.query('INSERT INTO t (a) VALUES (1)'));
    await client.reset();
    await client.query('USE test');
    await expectTold(() => client.query('INSERT INTO t (a) VALUES (1)'));

    await withGlobalSetting('autocommit', async (other) => {
      await other.query('SET SESSION session_track_system_variables="last_gtid"');
      await expectTold(() => other.query('INSERT INTO t (a) VALUES (1)'));
      await other.reset();
      await other.query('USE test');
      await expectUntold(() => other.query('INSERT INTO t (a) VALUES (1)'));
    });
  });

  // A trap for a router that would set it per session: with an empty global list the session's has no effect.
  test('to a session that asks for it while the global list is empty', async () => {
    await withGlobalSetting('', async (other) => {
      await other.query('SET SESSION session_track_system_variables="last_gtid"');
      await expectUntold(() => other.query('INSERT INTO t (a) VALUES (1)'));
    });
  });

  // A client that didn't ask for tracking gets none, so the router strips what only it had asked for.
  test('to a client that did not negotiate session tracking', async () => {
    client = await RawClient.connect(server.socketPath, { sessionTrack: false });
    await client.query('USE test');
    const parts = await expectUntold(() => client.query('INSERT INTO t (a) VALUES (1)'));
    expect(parts[0]?.kind).toBe('ok');
  });
});

describe('session state that no tracking reports', () => {
  // These pin a session to its connection, and only the statement's text (or that of a view) can tell.
  test.each([['SELECT @b := 3'], ['SELECT GET_LOCK("a", 1)'], ['SELECT * FROM locked']])(
    '%s, with session_track_state_change too',
    async (sql) => {
      const eof = await RawClient.connect(server.socketPath, { deprecateEof: true });
      await eof.query('USE test');
      await eof.query('SET SESSION session_track_state_change=ON');
      const parts = await eof.query(sql);
      expect(parts.map((part) => [part.kind, part.variables, part.otherState])).toEqual([
        ['result set', {}, false],
      ]);
      eof.close();
    },
  );

  // The text `CALL p()` says nothing about it, so CALL needs this flag, or it pins.
  test.each([['CALL temporary()'], ['CALL variable()']])(
    '%s: only session_track_state_change tells',
    async (sql) => {
      const before = (await client.query(sql)).map((part) => part.otherState);
      expect(before).toEqual([false]);
      const other = await RawClient.connect(server.socketPath);
      await other.query('USE test');
      await other.query('SET SESSION session_track_state_change=ON');
      expect((await other.query(sql)).map((part) => part.otherState)).toEqual([true]);
      other.close();
    },
  );
});

describe('ordinary clients, when the setting is global', () => {
  // mysql2 negotiates session tracking by itself: every such application gets the positions.
  test('mysql2 gets last_gtid without asking', async () => {
    const connection = await server.connect();
    const [header] = await connection.query('INSERT INTO t (a) VALUES (1)');
    const changes = (header as { stateChanges?: { systemVariables: Record<string, string> } }).stateChanges;
    expect(changes?.systemVariables.last_gtid).toBe(await server.value('SELECT @@gtid_binlog_pos'));
  });

  // So does the command line client, although it shows nothing of it.
  test('the command line client gets it too', async () => {
    await using forwarder = await forwardTo(server.port);
    const account = ['--protocol=tcp', '--host=127.0.0.1', `--port=${forwarder.port}`, '--user=root'];
    const statement = ['--execute=INSERT INTO test.t (a) VALUES (1)'];
    await promisify(execFile)('mariadb', ['--no-defaults', '--skip-ssl', ...account, ...statement]);
    expect(forwarder.fromServer()).toContain(`last_gtid`);
    expect(forwarder.fromServer()).toContain(await server.value('SELECT @@gtid_binlog_pos'));
  });
});
