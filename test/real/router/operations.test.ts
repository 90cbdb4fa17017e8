/** A router as a process, in front of real servers: what it says of itself, and how it ends. */
import { existsSync } from 'node:fs';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { caughtUp } from '../mariadb/replication.ts';
import { disposeServers, removeDirectories } from '../mariadb/server.ts';
import { waitFor } from '../mariadb/wait.ts';
import { RouterProcess } from './process.ts';
import { account, memberOf, startServers } from './stack.ts';

let router: RouterProcess;

beforeAll(async () => {
  const { primary, replica } = await startServers({});
  if (replica === undefined) throw new Error('no replica');
  await primary.run('CREATE TABLE test.t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(20))');
  await caughtUp(replica, primary);
  const members = [memberOf(primary, 'db-1', 'primary'), memberOf(replica, 'db-2', 'replica')];
  router = await RouterProcess.start(members, { slowStatementMs: 300, drainTimeoutMs: 2_000 });
});

afterAll(async () => {
  await router?.kill();
  await disposeServers();
  removeDirectories();
});

function open(of: RouterProcess = router): Promise<Connection> {
  return mysql.createConnection({ ...account, socketPath: of.socketPath, database: 'test' });
}

const explained = async (question: object) =>
  JSON.parse(await router.ask('POST', '/explain', JSON.stringify({ schema: 'test', ...question })));

test('explain agrees with where statements go', async () => {
  await waitFor(
    'the definitions',
    async () => (await explained({ sql: 'SELECT s FROM t' })).slot === 'replica',
  );
  expect(await explained({ sql: 'SELECT s FROM t' })).toMatchObject({
    class: 'read',
    member: 'db-2',
    consistency: 'global',
    reason: 'fresh replica',
  });
  const onPrimary = { member: 'db-1', slot: 'primary' };
  expect(await explained({ sql: 'SELECT s FROM t FOR UPDATE' })).toMatchObject({
    ...onPrimary,
    reason: 'locking read',
  });
  expect(await explained({ sql: '/* tandem:primary */ SELECT s FROM t' })).toMatchObject({
    ...onPrimary,
    reason: 'hint',
  });
  expect(await explained({ sql: '/* tandem:replica */ SELECT s FROM t' })).toMatchObject({
    member: 'db-2',
    consistency: 'eventual',
  });
});

test('status has members, pools and the statements that take time, a prepared one by its shape', async () => {
  const client = await open();
  await client.execute('SELECT SLEEP(?), s FROM t WHERE s = ? UNION SELECT SLEEP(0.4), 1', [0, 'hidden']);
  const status = JSON.parse(await router.ask('GET', '/status'));
  expect(status).toMatchObject({ primary: 'db-1', epoch: 1, draining: false, sessions: 1 });
  expect(status.members.map(({ name, role }: { name: string; role: string }) => `${name} ${role}`)).toEqual([
    'db-1 primary',
    'db-2 replica',
  ]);
  const { topStatements } = status;
  expect(topStatements[0].fingerprint).toMatch(/^select sleep\(\?\), s from t where s = \? union select/);
  expect(router.output).toMatch(/slow statement: \d{3} ms on db-\d .*union select/);
  expect(router.output).not.toContain('hidden');
  await client.end();
});

test('a successor takes over at once; the old one lets a transaction end', async () => {
  const idle = await open();
  const writer = await open();
  const gone = new Promise((resolve) => idle.on('error', resolve));
  writer.on('error', () => undefined);
  await writer.query('START TRANSACTION');
  await writer.query("INSERT INTO t (s) VALUES ('kept')");
  const successor = await router.successor();
  router.signal('SIGTERM');
  const fresh = await open(successor);
  expect((await fresh.query<RowDataPacket[]>('SELECT 1 AS one'))[0]).toEqual([{ one: 1 }]);
  await gone;
  await writer.query('COMMIT');
  expect(await router.ended()).toBe(0);
  expect(router.output).toMatch(/drained: 2 sessions ended$/m);
  const [[row]] = await fresh.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM t');
  expect(row).toEqual({ n: 1 });
  await (await open(successor)).end();

  // What does not end is cut.
  await fresh.query('SET @a = 1');
  const cut = new Promise((resolve) => fresh.on('error', resolve));
  successor.signal('SIGTERM');
  await cut;
  expect(await successor.ended()).toBe(0);
  expect(successor.output).toMatch(/drained: 0 sessions ended, 1 cut after 2000 ms$/m);
  expect(existsSync(successor.socketPath)).toBe(false);
});
