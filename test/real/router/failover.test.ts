import mysql, { type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { caughtUp } from '../mariadb/replication.ts';
import { disposeServers, type MariadbServer, removeDirectories } from '../mariadb/server.ts';
import { sleep, waitFor } from '../mariadb/wait.ts';
import { account, memberOf, type RouterStack, startStack } from './stack.ts';

let stack: RouterStack;
let standby: MariadbServer;

beforeAll(async () => {
  stack = await startStack();
  standby = stack.replica as MariadbServer;
  await stack.primary.run(
    'CREATE TABLE test.ledger (id INT PRIMARY KEY, writer INT)',
    'CREATE TABLE test.parent (id INT AUTO_INCREMENT PRIMARY KEY)',
    'CREATE TABLE test.child (parent INT, writer INT)',
  );
  await caughtUp(standby, stack.primary);
});

afterAll(async () => {
  stack?.router.close();
  await disposeServers();
  removeDirectories();
});

test('a switchover under load: no error, and every write once', async () => {
  const toRouter = { ...account, socketPath: stack.socketPath, database: 'test' };
  const pool = mysql.createPool({ ...toRouter, connectionLimit: 8 });
  const acknowledged: number[] = [];
  const errors: unknown[] = [];
  let next = 0;
  let on = true;
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    while (on) {
      const id = ++next;
      try {
        await pool.query('INSERT INTO ledger VALUES (?, ?)', [id, writer]);
        acknowledged.push(id);
        const [rows] = await pool.query<RowDataPacket[]>('SELECT id FROM ledger WHERE id = ?', [id]);
        if (rows.length !== 1) errors.push(`${id} was not there`);
      } catch (error) {
        errors.push(error);
      }
    }
  });
  const children: number[] = [];
  const families = [8, 9].map(async (writer) => {
    const client = await mysql.createConnection(toRouter);
    while (on) {
      try {
        const [{ insertId }] = await client.query<ResultSetHeader>('INSERT INTO parent VALUES ()');
        await client.query('INSERT INTO child VALUES (LAST_INSERT_ID(), ?)', [writer]);
        children.push(insertId);
      } catch (error) {
        errors.push(error);
      }
    }
    await client.end();
  });
  await sleep(300);
  const [open, late] = [await pool.getConnection(), await pool.getConnection()];
  await open.query('BEGIN');
  await open.query('INSERT INTO ledger VALUES (-1, 0)');
  await late.query('BEGIN');
  // What the agents do: no writes any more, the standby catches up, and is opened.
  await stack.primary.run('SET GLOBAL read_only = 1');
  const lost = { errno: 1213, sqlState: '40001' };
  await expect(open.query('COMMIT')).rejects.toMatchObject(lost);
  await expect(late.query('INSERT INTO ledger VALUES (-2, 0)')).rejects.toMatchObject(lost);
  for (const connection of [open, late]) connection.release();
  await caughtUp(standby, stack.primary);
  await standby.run('STOP SLAVE', 'RESET SLAVE ALL', 'SET GLOBAL read_only = 0');
  const [before, childrenBefore] = [acknowledged.length, children.length];
  await sleep(100);
  const primary = memberOf(standby, 'db-2', 'primary', { historyEpoch: 2 });
  stack.topology.set({ primary, epoch: 2, members: [primary] });
  const goesOn = () => acknowledged.length > before + 8 && children.length > childrenBefore + 2;
  await waitFor('writes on the next primary', goesOn);
  on = false;
  await Promise.all([...writers, ...families]);
  await pool.end();
  expect(errors).toEqual([]);
  const count = Number(await standby.value('SELECT COUNT(*) FROM test.ledger'));
  expect(count).toBe(acknowledged.length);
  const rows = await standby.value('SELECT GROUP_CONCAT(parent ORDER BY parent) FROM test.child');
  expect(rows).toBe(children.sort((a, b) => a - b).join());
});

test('kill -9 of the primary: only what was in flight fails, and it says so', async () => {
  // The standby of before is the primary now; nobody follows, so the same server comes back in a new epoch.
  const clients = await Promise.all(
    Array.from({ length: 4 }, () =>
      mysql.createConnection({ ...account, socketPath: stack.socketPath, database: 'test' }),
    ),
  );
  const [idle, begun] = clients.slice(2) as [mysql.Connection, mysql.Connection];
  await begun.query('BEGIN');
  for (const client of [idle, begun]) await client.query('INSERT INTO parent VALUES ()');
  const sleeping = clients
    .slice(0, 2)
    .map((client) => client.query('DO SLEEP(5)').catch((error) => error.sqlState));
  await sleep(200);
  await standby.kill();
  expect(await Promise.all(sleeping)).toEqual(['08007', '08007']);
  // Only what asks for an id misses it.
  await expect(begun.query('INSERT INTO parent VALUES ()')).rejects.toMatchObject({ errno: 1213 });
  const waiting = clients.map((client) =>
    client.query('INSERT INTO ledger SELECT MAX(id) + 1, 99 FROM ledger'),
  );
  await sleep(100);
  await standby.start('read-only=0');
  const primary = memberOf(standby, 'db-2', 'primary', { historyEpoch: 3 });
  stack.topology.set({ primary, epoch: 3, members: [primary] });
  const outcomes = await Promise.allSettled(waiting);
  // Side by side two may want the same number; nothing else may go wrong.
  const codes = outcomes.map((one) => (one.status === 'fulfilled' ? 'ok' : one.reason.errno));
  expect(codes.filter((code) => code !== 'ok' && code !== 1062 && code !== 1213)).toEqual([]);
  for (const client of clients) await client.end();
});
