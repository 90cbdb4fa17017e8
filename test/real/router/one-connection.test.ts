/** Sessions that share one connection to the server: each finds what it would have on a server of its own. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { capability, offeredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { command } from '#src/mysql-wire/commands.ts';
import { parseErr } from '#src/mysql-wire/err-packet.ts';
import { headerBytes } from '#src/mysql-wire/framing.ts';
import { WireConnection } from '#test/conformance/runners/wire-connection.ts';
import { disposeServers, removeDirectories } from '../mariadb/server.ts';
import { sleep } from '../mariadb/wait.ts';
import { account, type RouterStack, startStack } from './stack.ts';

const plain = {
  capabilities: offeredCapabilities & ~capability.connectWithDatabase & ~capability.ignoreSpace,
  extendedCapabilities: 0,
};
const lastPrepared = 0xffff_ffff;

let stack: RouterStack;
const clients: WireConnection[] = [];

beforeAll(async () => {
  stack = await startStack({ replicas: 0, config: { maxConnectionsPerMember: 1, idleDetachMs: 50 } });
  await stack.primary.run(
    'CREATE TABLE test.t (id INT PRIMARY KEY)',
    'CREATE TABLE other.t (id INT PRIMARY KEY)',
  );
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

afterAll(async () => {
  stack?.router.close();
  await disposeServers();
  removeDirectories();
});

async function connect(database: string | undefined = 'test'): Promise<WireConnection> {
  const client = await WireConnection.open({ path: stack.socketPath }, account, plain, database);
  clients.push(client);
  return client;
}

/** What is answered: an error's number, or the text of all rows. */
function told(answer: readonly Buffer[]): number | string {
  const last = answer.at(-1)?.subarray(headerBytes) as Buffer;
  if (last[0] === 0xff) return parseErr(last).errno;
  const rows = answer.slice(answer.length > 2 ? 2 : 1, -1);
  return rows.map((row) => row.subarray(headerBytes).toString('latin1')).join(';');
}

const query = async (client: WireConnection, sql: string) =>
  told(await client.command(command.query, Buffer.from(sql), 'result'));

async function prepare(client: WireConnection, sql: string): Promise<number> {
  const [answer] = await client.command(command.stmtPrepare, Buffer.from(sql), 'prepare');
  const payload = (answer as Buffer).subarray(headerBytes);
  return payload[0] === 0xff ? -parseErr(payload).errno : payload.readUInt32LE(1);
}

async function execute(client: WireConnection, id: number): Promise<number | string> {
  const argument = Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0]);
  argument.writeUInt32LE(id);
  return told(await client.command(command.stmtExecute, argument, 'result'));
}

function closeStatement(client: WireConnection, id: number): void {
  const argument = Buffer.alloc(4);
  argument.writeUInt32LE(id);
  client.send(command.stmtClose, argument);
}

/** Somebody else gets the connection, and it is reset for him. */
async function takeAway(): Promise<void> {
  const other = await connect();
  await query(other, 'SELECT 1');
}

const idsOf = async (schema: string) => {
  const rows = await stack.primary.rows(`SELECT id FROM ${schema}.t ORDER BY id`);
  return rows.map((row) => row['id']);
};

test('the last prepared statement is none when the last preparation failed', async () => {
  const client = await connect();
  expect(await prepare(client, 'INSERT INTO t VALUES (1)')).toBeGreaterThan(0);
  expect(await execute(client, lastPrepared)).toBe('');
  expect(await prepare(client, 'INSERT INTO nowhere VALUES (2)')).toBe(-1146);
  await stack.primary.run('DELETE FROM test.t');
  expect(await execute(client, lastPrepared)).toBe(1243);
  expect(await idsOf('test')).toEqual([]);
});

test('what is prepared on another connection means what it meant', async () => {
  const client = await connect();
  await query(client, "SET sql_mode = 'NO_BACKSLASH_ESCAPES'");
  const insert = await prepare(client, 'INSERT INTO t VALUES (7)');
  const text = await prepare(client, 'SELECT "\\x", _utf8mb4 0x78 = "X", DATABASE()');
  await query(client, 'USE other');
  await query(client, "SET sql_mode = 'ANSI_QUOTES', collation_connection = utf8mb4_bin");
  await query(client, 'SET SESSION character_set_results = latin1');
  const state =
    'SELECT DATABASE(), @@sql_mode, @@character_set_client, @@character_set_results, @@collation_connection';
  const own = await query(client, state);
  for (let time = 0; time < 2; time++) {
    await takeAway();
    expect(await execute(client, text)).toContain('\\x');
    expect(await query(client, state)).toBe(own);
  }
  await query(client, 'BEGIN');
  expect(await execute(client, insert)).toBe('');
  expect(await query(client, 'COMMIT')).toBe('');
  expect(await idsOf('test')).toEqual([7]);
  expect(await idsOf('other')).toEqual([]);
  expect(await query(client, state)).toBe(own);
});

test('a value that only the connection knows belongs to what was prepared after it', async () => {
  const client = await connect();
  const evaluate = "SET collation_connection = CONCAT('utf8mb4', '_bin')";
  const before = await prepare(client, "SELECT COLLATION('x')");
  await takeAway();
  await query(client, evaluate);
  expect(await execute(client, before)).toContain('utf8mb4_general_ci');
  expect(await query(client, 'SELECT @@collation_connection')).toContain('utf8mb4_bin');
  const after = await prepare(client, "SELECT COLLATION('y')");
  await takeAway();
  await query(client, 'SET collation_connection = utf8mb4_unicode_ci');
  expect(await execute(client, after)).toContain('utf8mb4_bin');
  expect(await query(client, 'SELECT @@collation_connection')).toContain('utf8mb4_unicode_ci');
});

test('a schema that is gone is told, and the session stays where it was', async () => {
  await stack.primary.run('CREATE DATABASE passing', `GRANT ALL ON passing.* TO ${account.user}@'%'`);
  const client = await connect('passing');
  const statement = await prepare(client, 'SELECT 1');
  await query(client, 'USE other');
  await stack.primary.run('DROP DATABASE passing');
  await takeAway();
  expect(await execute(client, statement)).toBe(1049);
  expect(await query(client, 'SELECT DATABASE()')).toContain('other');
  expect(await stack.primary.status('Prepared_stmt_count')).toBe('0');
});

test('statements that are closed while their connection is elsewhere do not stay on it', async () => {
  const client = await connect();
  for (let round = 0; round < 3; round++) {
    const statement = await prepare(client, 'SELECT 1');
    await execute(client, statement);
    await sleep(700);
    closeStatement(client, statement);
  }
  await query(client, 'SELECT 1');
  expect(await stack.primary.status('Prepared_stmt_count')).toBe('0');
});

test('what may be asked about a statement is waited for', async () => {
  await stack.primary.run('REPLACE INTO test.t VALUES (1), (2), (3), (7)');
  const [client, other] = [await connect(), await connect()];
  const told: unknown[] = [];
  for (const sql of ['SELECT SQL_CALC_FOUND_ROWS id FROM t LIMIT 1', 'SELECT 1/0']) {
    await query(client, sql);
    const waiting = query(other, 'SELECT 1');
    await sleep(500);
    const question = sql.includes('CALC') ? 'SELECT FOUND_ROWS()' : 'SHOW WARNINGS';
    told.push(await query(client, question));
    expect(await waiting).toContain('1');
  }
  expect(told).toEqual([expect.stringContaining('4'), expect.stringContaining('Division by 0')]);
  await query(client, 'SELECT SQL_CALC_FOUND_ROWS id FROM t LIMIT 1');
  // Nobody asks.
  expect(await query(other, 'SELECT 1')).toContain('1');
});

test('a trigger finds the last insert id', async () => {
  await stack.primary.run(
    'CREATE TABLE test.parent (id INT PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 41',
    'CREATE TABLE test.child (x INT, parent_id INT)',
    'CREATE TRIGGER test.born BEFORE INSERT ON test.child FOR EACH ROW SET NEW.parent_id = LAST_INSERT_ID()',
  );
  const client = await connect();
  await query(client, 'INSERT INTO parent VALUES ()');
  await takeAway();
  await query(client, 'INSERT INTO child (x) VALUES (1)');
  expect(await stack.primary.rows('SELECT x, parent_id FROM test.child')).toEqual([{ x: 1, parent_id: 41 }]);
});

test('what COM_SET_OPTION sets outlives a reset and a change of the account', async () => {
  const { primary, socketPath } = stack;
  const seenOn = async (path: string, capabilities: number, option: number): Promise<unknown[]> => {
    const client = await WireConnection.open({ path }, account, { ...plain, capabilities }, 'test');
    clients.push(client);
    const seen: unknown[] = [];
    const look = async () => seen.push(await query(client, 'SELECT 1; SELECT 2'));
    await look();
    seen.push(told(await client.command(command.setOption, Buffer.from([option, 0]), 'result')));
    await look();
    await client.command(command.resetConnection, Buffer.alloc(0), 'result');
    await look();
    await takeAway();
    await look();
    await client.changeUser(account, 'other');
    await look();
    return seen;
  };
  const one = plain.capabilities & ~capability.multiStatements;
  for (const [capabilities, option] of [
    [plain.capabilities, 1],
    [one, 0],
    [one, 7],
  ] as const) {
    const direct = await seenOn(primary.socketPath, capabilities, option);
    const beganMs = performance.now();
    expect(await seenOn(socketPath, capabilities, option)).toEqual(direct);
    // The check of the schema needs the connection that the session had.
    expect(performance.now() - beganMs).toBeLessThan(5_000);
  }
});
