/** The table of statements against a real server: what is said of them must be what they do. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { analyse } from '#src/routing/analyse.ts';
import { resolve } from '#src/routing/resolve.ts';
import { newSession } from '#src/routing/session.ts';
import { step } from '#src/routing/step.ts';
import { findWord, flags, hashStep, wordFlag } from '#src/routing/words.ts';
import { removeDirectories } from '#test/real/mariadb/data-directory.ts';
import { type Part, RawClient, STATE_CHANGED } from '#test/real/mariadb/raw-client.ts';
import { disposeServers, MariadbServer } from '#test/real/mariadb/server.ts';
import { readFromServer } from '#test/real/routing/catalogue.ts';
import { answered } from '#test/unit/routing/outcomes.ts';
import { replay } from '#test/unit/routing/replay.ts';
import { reads } from '#test/unit/routing/table/reads.ts';
import { functionReads, readOnlyBegins } from '#test/unit/routing/table/reads-functions.ts';
import { schema } from '#test/unit/routing/table/schema.ts';
import { replayable } from '#test/unit/routing/table/session.ts';
import { table } from '#test/unit/routing/table/table.ts';

let server: MariadbServer;

beforeAll(async () => {
  server = await MariadbServer.create('routing', [
    'server-id=1',
    'local-infile=ON',
    'session-track-system-variables=*',
    'session-track-schema=ON',
    'session-track-state-change=ON',
    'log-bin-trust-function-creators=ON',
  ]);
  await server.start();
  await server.run('USE test', ...schema);
});
afterAll(async () => {
  await disposeServers();
  removeDirectories();
});

async function client(): Promise<RawClient> {
  const raw = await RawClient.connect(server.socketPath, { deprecateEof: true });
  await raw.query('USE test');
  return raw;
}

const position = (): Promise<string> => server.value('SELECT @@gtid_binlog_pos');

/** Whether a response says that anything in the session changed. */
function changed(parts: readonly Part[]): boolean {
  return parts.some(
    (part) =>
      part.otherState || Object.keys(part.variables).length > 0 || (part.status & STATE_CHANGED) !== 0,
  );
}

describe('a statement for replicas', () => {
  test.each([...reads, ...functionReads].map((row) => row.sql))(
    'runs and changes nothing: %s',
    async (sql) => {
      const raw = await client();
      const before = await position();
      const parts = await raw.query(sql);
      expect(parts.map((part) => part.errno)).toEqual(parts.map(() => 0));
      // SET STATEMENT reports the variables that it has put back.
      if (!sql.startsWith('SET STATEMENT')) expect(changed(parts)).toBe(false);
      expect(await position()).toBe(before);
      raw.close();
    },
  );

  const limited = functionReads.map((row) => row.sql).filter((sql) => sql.startsWith('SET STATEMENT'));
  test.each(limited)('leaves the variables as they were: %s', async (sql) => {
    const [connection, untouched] = [await server.connect(), await server.connect()];
    await connection.query(sql);
    expect(await variables(connection)).toEqual(await variables(untouched));
    connection.destroy();
    untouched.destroy();
  });

  test.each(readOnlyBegins.map((row) => row.sql))(
    'begins a transaction that can not write: %s',
    async (sql) => {
      const raw = await client();
      const before = await position();
      const begun = await raw.query(sql);
      expect((begun[0]?.status ?? 0) & 0x2001).toBe(0x2001);
      const refused = await raw.query('INSERT INTO u (id) VALUES (99)');
      expect(refused[0]?.errno).toBe(1792);
      await raw.query('ROLLBACK');
      expect(await position()).toBe(before);
      raw.close();
    },
  );

  test('is one by the catalogue as it is read from the server', async () => {
    const catalogue = await readFromServer(server);
    for (const { sql } of [...reads, ...functionReads]) {
      expect([sql, resolve(analyse(sql), 'test', catalogue).target]).toEqual([sql, 'replica']);
    }
    const elsewhere = ['locking', 'setting', 'mem', 'nosuchtable', 'mysql.user', 'information_schema.TABLES'];
    for (const name of elsewhere) {
      const sql = `SELECT * FROM ${name}`;
      expect([sql, resolve(analyse(sql), 'test', catalogue).target]).toEqual([sql, 'primary']);
    }
    const natures = ['twice', 'counts', 'sets', 'writes'].map((name) => catalogue.function('test', name));
    expect(natures).toEqual(['pure', 'pure', 'stateful', 'stateless']);
    const procedures = ['nothing', 'adds', 'names'].map((name) => catalogue.procedure('test', name));
    expect(procedures).toEqual(['stateless', 'stateless', 'stateful']);
  });
});

/** Would end the server or the connection, or wait. */
const leftOut =
  /SHUTDOWN|^KILL|RELEASE$|GTID_WAIT|POS_WAIT|RESET MASTER|^BACKUP|READ LOCK|EXPORT|INSTALL|SET PASSWORD|GLOBAL/i;

describe('what the server reports as changed in the session', () => {
  // What changes definitions comes last, so that the tables are there for the others.
  const others = table
    .filter((row) => !leftOut.test(row.sql))
    .sort((a, b) => Number(a.class === 'ddl') - Number(b.class === 'ddl'));
  test.each(others.map((row) => row.sql))('is an effect: %s', async (sql) => {
    const raw = await client();
    const parts = await raw.query(sql, '1\n');
    const statement = analyse(sql);
    // What is reported of the end of a transaction is told by the status flags.
    const told = changed(parts) && parts.every((part) => part.errno === 0);
    const explained =
      statement.effects.length > 0 ||
      statement.class === 'transaction' ||
      statement.class === 'write' ||
      statement.class === 'ddl' ||
      statement.class === 'admin' ||
      statement.reason === 'sequence' ||
      // NOWAIT, WAIT and SET STATEMENT report a variable that they have put back.
      statement.reason === 'locking read' ||
      sql.startsWith('SET STATEMENT') ||
      /autocommit/i.test(sql);
    expect(!told || explained).toBe(true);
    raw.close();
    await server.run('UNLOCK TABLES');
  });
});

/** Differ between any two connections, or by the statement that asks. */
const own = new Set(
  'pseudo_thread_id rand_seed1 rand_seed2 timestamp last_gtid in_transaction warning_count'.split(' '),
);

async function variables(connection: Awaited<ReturnType<MariadbServer['connect']>>): Promise<unknown> {
  const [rows] = await connection.query<RowDataPacket[]>(
    'SELECT LOWER(VARIABLE_NAME) AS n, VARIABLE_VALUE AS v FROM information_schema.SESSION_VARIABLES ORDER BY 1',
  );
  const [here] = await connection.query<RowDataPacket[]>('SELECT DATABASE() AS s, @tandem_consistency AS c');
  return { variables: rows.filter((row) => !own.has(String(row['n']))), here };
}

describe('replay', () => {
  test.each(replayable.map((row) => row.sql))(
    'brings a fresh connection to the same state: %s',
    async (sql) => {
      const first = await server.connect();
      const second = await server.connect();
      await first.query(sql);
      const resolved = resolve(analyse(sql), 'test', null);
      const state = step(newSession('test'), resolved, answered());
      for (const statement of replay(state, analyse('SELECT LAST_INSERT_ID()')))
        await second.query(statement);
      expect(await variables(second)).toEqual(await variables(first));
      first.destroy();
      second.destroy();
    },
  );
});

/** The number of a word in lower case; 0 when it isn't known. */
function wordNumber(name: string): number {
  const bytes = Buffer.from(name);
  return findWord(bytes, 0, bytes.length, bytes.reduce(hashStep, 0));
}

test('every built-in function of the server is known', async () => {
  const rows = await server.rows('SELECT LOWER(FUNCTION) AS f FROM information_schema.SQL_FUNCTIONS');
  const unknown = rows
    .map((row) => String(row['f']))
    .filter((name) => ((flags[wordNumber(name)] ?? 0) & (wordFlag.pure | wordFlag.special)) === 0);
  // SCHEMAS is no function that can be called; SPACE and the rest are.
  expect(unknown).toEqual(['schemas']);
});
