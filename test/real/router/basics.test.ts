import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mysql, { type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { capability, offeredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { command } from '#src/mysql-wire/commands.ts';
import { WireConnection } from '#test/conformance/runners/wire-connection.ts';
import { disposeServers, removeDirectories, temporaryDirectory } from '../mariadb/server.ts';
import { account, type RouterStack, startStack } from './stack.ts';

/** A client that wants to be told what changes in its session. */
const tracking = {
  capabilities: offeredCapabilities & ~capability.connectWithDatabase,
  extendedCapabilities: 0,
};

let stack: RouterStack;

beforeAll(async () => {
  stack = await startStack({ replicas: 0 });
});

afterAll(async () => {
  stack?.router.close();
  await disposeServers();
  removeDirectories();
});

const connect = (options: mysql.ConnectionOptions = {}) =>
  mysql.createConnection({ ...account, socketPath: stack.socketPath, database: 'test', ...options });

const cli = (...words: string[]) =>
  promisify(execFile)(
    'mariadb',
    ['--no-defaults', `--socket=${stack.socketPath}`, `-u${account.user}`, `-p${account.password}`, ...words],
    { maxBuffer: 1 << 28 },
  );

test('mysql2 over the unix socket and over TCP: text, prepared, several statements', async () => {
  for (const where of [{}, { socketPath: undefined, host: '127.0.0.1', port: stack.port }] as object[]) {
    const client = await connect({ ...where, multipleStatements: true });
    await client.query('CREATE OR REPLACE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s TEXT)');
    const [inserted] = await client.query<ResultSetHeader>("INSERT INTO t (s) VALUES ('a'), ('b')");
    expect(inserted).toMatchObject({ affectedRows: 2, insertId: 1 });
    const [rows] = await client.query<RowDataPacket[]>('SELECT * FROM t');
    expect(rows).toEqual([
      { id: 1, s: 'a' },
      { id: 2, s: 'b' },
    ]);
    const [prepared] = await client.execute<RowDataPacket[]>('SELECT s FROM t WHERE id = ?', [2]);
    expect(prepared).toEqual([{ s: 'b' }]);
    const [again] = await client.execute<RowDataPacket[]>('SELECT s FROM t WHERE id = ?', [1]);
    expect(again).toEqual([{ s: 'a' }]);
    const [several] = await client.query<RowDataPacket[][]>('SELECT 1 AS a; SELECT 2 AS b');
    expect(several).toEqual([[{ a: 1 }], [{ b: 2 }]]);
    await expect(client.query('SELECT nonsense FROM t')).rejects.toMatchObject({ errno: 1054 });
    await expect(client.query('SELECT 1')).resolves.toBeDefined();
    await client.ping();
    await client.end();
  }
});

test('the command line client: results, warnings, a transaction, a local file', async () => {
  const file = join(temporaryDirectory('file'), 'rows.csv');
  writeFileSync(file, '1,one\n2,two\n');
  const sql = [
    'CREATE OR REPLACE TABLE l (id INT, s VARCHAR(10))',
    `LOAD DATA LOCAL INFILE '${file}' INTO TABLE l FIELDS TERMINATED BY ','`,
    'BEGIN',
    "INSERT INTO l VALUES (3, 'gone')",
    'ROLLBACK',
    'SELECT COUNT(*), MAX(s) FROM l',
    'SELECT 1/0',
    'SHOW WARNINGS',
  ].join(';');
  const { stdout } = await cli('--local-infile=1', '-N', 'test', '-e', sql);
  expect(stdout).toContain('2\ttwo');
  expect(stdout).toContain('Division by 0');
});

test('change of schema and of the account, reset, unknown schema', async () => {
  const client = await connect();
  await client.query('USE other');
  const [[row]] = await client.query<RowDataPacket[]>('SELECT DATABASE() AS d');
  expect(row).toEqual({ d: 'other' });
  await client.changeUser({ ...account, database: 'test' });
  const [[after]] = await client.query<RowDataPacket[]>('SELECT DATABASE() AS d');
  expect(after).toEqual({ d: 'test' });
  await client.end();
  await expect(connect({ database: 'nowhere' })).rejects.toMatchObject({ errno: 1044 });
});

test('what a client turns on by its capabilities lasts until a reset, also on a connection that others have used', async () => {
  const seenOn = async (where: object): Promise<unknown[]> => {
    // mysql2 asks for IGNORE_SPACE.
    const client = await connect({ ...where, flags: ['INTERACTIVE'] });
    const seen: unknown[] = [];
    const look = async () => {
      const sql = 'SELECT @@sql_mode AS mode, @@wait_timeout = @@interactive_timeout AS interactive';
      seen.push((await client.query<RowDataPacket[]>(sql))[0][0]);
    };
    await look();
    await client.query("SET sql_mode = 'ANSI_QUOTES'");
    await look();
    await client.reset();
    await look();
    await client.changeUser({ database: 'test' });
    await look();
    await client.end();
    return seen;
  };
  await stack.primary.run('SET GLOBAL interactive_timeout = 7200');
  const direct = await seenOn({ socketPath: undefined, host: '127.0.0.1', port: stack.primary.port });
  expect(direct[0]).toMatchObject({ mode: expect.stringContaining('IGNORE_SPACE'), interactive: 1 });
  expect(direct[2]).toMatchObject({ mode: expect.not.stringContaining('IGNORE_SPACE'), interactive: 0 });
  for (let time = 0; time < 3; time++) expect(await seenOn({})).toEqual(direct);
});

test('a login and a change of user tell the schema to whoever tracks it', async () => {
  const seenOn = async (where: NetConnectOpts): Promise<unknown[]> => {
    const client = await WireConnection.open(where, account, tracking, 'test');
    const seen = [client.packets.at(-1), ...(await client.changeUser(account, 'other')).slice(-1)];
    await client.close();
    // Without the sequence id: the router asks for the password in fewer packets.
    return seen.map((packet) => packet?.subarray(4).toString('hex'));
  };
  const direct = await seenOn({ host: '127.0.0.1', port: stack.primary.port });
  expect(direct[0]).toContain(Buffer.from('test').toString('hex'));
  expect(await seenOn({ path: stack.socketPath })).toEqual(direct);
});

test('behind a preparation that failed there is no statement prepared last', async () => {
  const seenOn = async (where: NetConnectOpts): Promise<unknown> => {
    const client = await WireConnection.open(where, account, tracking, 'test');
    await client.command(command.stmtPrepare, Buffer.from('SELECT 1'), 'prepare');
    await client.command(command.stmtPrepare, Buffer.from('SELECT FROM'), 'prepare');
    const last = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0]);
    const [answer] = await client.command(command.stmtExecute, last, 'result');
    await client.close();
    return (answer as Buffer).readUInt16LE(5);
  };
  expect(await seenOn({ host: '127.0.0.1', port: stack.primary.port })).toBe(1243);
  expect(await seenOn({ path: stack.socketPath })).toBe(1243);
});

test('refusals are those of a server', async () => {
  await expect(connect({ password: 'wrong' })).rejects.toMatchObject({
    errno: 1045,
    sqlState: '28000',
    sqlMessage: "Access denied for user 'app'@'localhost' (using password: YES)",
  });
  await expect(connect({ user: 'nobody' })).rejects.toMatchObject({
    errno: 1045,
    sqlMessage: expect.stringContaining("Access denied for user 'nobody'@'localhost' (using password: YES)"),
  });
});

test('a large result and a large statement pass through', async () => {
  const client = await connect();
  const text = 'x'.repeat(9_000_000);
  const [[row]] = await client.query<RowDataPacket[]>(`SELECT LENGTH('${text}') AS n`);
  expect(row).toEqual({ n: text.length });
  const [[big]] = await client.query<RowDataPacket[]>('SELECT REPEAT("y", 12000000) AS y');
  expect(big?.['y']).toHaveLength(12_000_000);
  const [many] = await client.query<RowDataPacket[]>('SELECT seq FROM seq_1_to_200000');
  expect(many).toHaveLength(200_000);
  const [[blob]] = await client.execute<RowDataPacket[]>('SELECT LENGTH(?) AS n', [
    Buffer.alloc(3_000_000, 1),
  ]);
  expect(blob).toEqual({ n: 3_000_000 });
  await client.end();
});

test('a statement of megabytes can be prepared; its session stays where it is', async () => {
  const client = await connect();
  const text = 'x'.repeat(2_000_000);
  await client.query('CREATE OR REPLACE TABLE large (n INT, t LONGTEXT)');
  for (const n of [1, 2]) await client.execute(`INSERT INTO large VALUES (?, '${text}')`, [n]);
  const [rows] = await client.execute<RowDataPacket[]>(
    `SELECT n, t = '${text}' AS same FROM large WHERE n > ? ORDER BY n`,
    [0],
  );
  expect(rows).toEqual([
    { n: 1, same: 1 },
    { n: 2, same: 1 },
  ]);
  await expect(client.execute(`SELECT nonsense, '${text}'`)).rejects.toMatchObject({ errno: 1054 });
  for (const session of stack.router.sessions.values())
    session.connections.in('primary')?.lose('for the test');
  await expect(client.execute(`INSERT INTO large VALUES (?, '${text}')`, [3])).rejects.toMatchObject({
    errno: 1927,
  });
  client.destroy();
});

test('SETs of what is no session variable leave the session without a connection of its own', async () => {
  const client = await connect();
  for (const [sql, errno] of [
    ['SET no_such_variable=1', 1193],
    ['SET read_only=1', 1229],
    ['SET version=1', 1238],
    ['SET select=1', 1064],
    ['SET wait_timeout=4711, no_such_variable=1', 1193],
    ['SET wait_timeout=4711, read_only=@@read_only', 1229],
  ] as const) {
    await expect(client.query(sql)).rejects.toMatchObject({ errno });
  }
  const pool = stack.router.members.primaryPool();
  await vi.waitUntil(() => pool !== undefined && pool.idle === pool.size, { timeout: 10_000 });
  const [[row]] = await client.query<RowDataPacket[]>('SELECT @@wait_timeout AS seconds');
  expect(row?.['seconds']).not.toBe(4711);
  await client.end();
});

test('KILL by the id of the greeting', async () => {
  const victim = await connect();
  const other = await connect();
  const sleeping = victim.query('SELECT SLEEP(20)').then(
    ([rows]) => JSON.stringify(rows),
    (error) => error.errno,
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  await other.query(`KILL QUERY ${victim.threadId}`);
  expect(['[{"SLEEP(20)":1}]', 1317]).toContain(await sleeping);
  const gone = new Promise((resolve) => victim.on('error', resolve));
  await other.query(`KILL ${victim.threadId}`);
  await gone;
  await expect(other.query(`KILL ${victim.threadId}`)).rejects.toMatchObject({ errno: 1094 });
  await other.end();
});
