/** Several workers as one router: what they share, what one leaves when it is killed, and how new ones replace old ones. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createAuthority, issueLeaf } from '#src/adapters/tls/authority.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import type { RouterConfig } from '#src/router/config.ts';
import { firstIdOf, ownerOfId } from '#src/router/kill/connection-ids.ts';
import { RawClient } from '#test/wire/raw-client.ts';
import { caughtUp } from '../mariadb/replication.ts';
import { disposeServers, type MariadbServer, removeDirectories } from '../mariadb/server.ts';
import { waitFor } from '../mariadb/wait.ts';
import { RouterProcess } from './process.ts';
import { account, memberOf, startServers } from './stack.ts';

const other = { user: 'other', password: 'other-secret' };
const limit = 12;

let primary: MariadbServer;
let replica: MariadbServer;
let router: RouterProcess;
const routers: RouterProcess[] = [];
const open: Connection[] = [];

beforeAll(async () => {
  const servers = await startServers({});
  if (servers.replica === undefined) throw new Error('no replica');
  ({ primary } = servers);
  replica = servers.replica;
  await primary.run(
    `CREATE USER ${other.user}@'%' IDENTIFIED BY '${other.password}'`,
    `GRANT ALL ON test.* TO ${other.user}@'%'`,
    'CREATE TABLE test.t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(20))',
    'CREATE TABLE test.n (id INT PRIMARY KEY, v INT)',
    'INSERT INTO test.n VALUES (1, 0)',
  );
  await caughtUp(replica, primary);
  router = await start({ workers: 2 });
});

afterEach(() => {
  for (const client of open.splice(0)) client.destroy();
});

afterAll(async () => {
  for (const each of routers) await each.kill();
  await disposeServers();
  removeDirectories();
});

async function start(config: Partial<RouterConfig>): Promise<RouterProcess> {
  const members = [memberOf(primary, 'db-1', 'primary'), memberOf(replica, 'db-2', 'replica')];
  const started = await RouterProcess.start(members, {
    accounts: [account, other],
    consistency: 'host',
    maxConnectionsPerMember: limit,
    drainTimeoutMs: 1_500,
    ...config,
  });
  routers.push(started);
  return started;
}

async function connect(as = account, of = router): Promise<Connection> {
  const client = await mysql.createConnection({ ...as, socketPath: of.socketPath, database: 'test' });
  client.on('error', () => undefined);
  open.push(client);
  return client;
}

const slotOf = (client: Connection): number => ownerOfId(client.threadId ?? 0)?.slot ?? -1;

/** Two sessions of one account that live in two workers. */
async function apart(): Promise<readonly [Connection, Connection]> {
  const first = await connect();
  for (;;) {
    const second = await connect();
    if (slotOf(second) !== slotOf(first)) return [first, second];
  }
}

interface Status {
  readonly sessions: number;
  readonly workers: readonly { slot: number; clients: number; draining: boolean }[];
  readonly pools: readonly { member: string; limit: number }[];
  readonly workerCrashes: number;
  readonly reloads: number;
  readonly drained: { readonly ended: number; readonly cut: number };
}

const status = async (of = router): Promise<Status> => JSON.parse(await of.ask('GET', '/status'));

const workerPids = (of = router): number[] =>
  readFileSync(`/proc/${of.pid}/task/${of.pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

async function totals(of = router): Promise<ReadonlyMap<string, number>> {
  const text = await of.ask('GET', '/metrics');
  const lines = text.split('\n').filter((line) => /^\w+_(?:total|count)\b/.test(line));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

async function value(client: Connection): Promise<unknown> {
  const [[row]] = await client.query<RowDataPacket[]>('SELECT v FROM n WHERE id = 1');
  return row?.['v'];
}

/** With the replica standing still a read there is stale for certain. */
async function withReplicaStopped(work: () => Promise<void>): Promise<void> {
  await replica.run('STOP SLAVE SQL_THREAD');
  try {
    await work();
  } finally {
    await replica.run('START SLAVE SQL_THREAD');
    await caughtUp(replica, primary);
  }
}

test('clients are spread evenly; status, metrics and explain are of the whole router', async () => {
  const clients = await Promise.all(Array.from({ length: 12 }, () => connect()));
  const ids = clients.map(({ threadId }) => threadId);
  expect(new Set(ids).size).toBe(12);
  const { workers, sessions, pools } = await status();
  expect(workers.map(({ clients: count }) => count)).toEqual([6, 6]);
  expect(sessions).toBe(12);
  for (const client of clients) await client.query('SELECT v FROM n');
  const counted = [...(await totals())].filter(([name]) =>
    /^tandem_router_statements_total.*read/.test(name),
  );
  expect(counted.reduce((sum, [, count]) => sum + count, 0)).toBe(12);
  expect(pools.every((pool) => pool.limit <= limit)).toBe(true);
  const question = JSON.stringify({ sql: 'SELECT v FROM n', schema: 'test' });
  expect(JSON.parse(await router.ask('POST', '/explain', question))).toMatchObject({ slot: 'replica' });
});

test('consistency host: what one worker acknowledged is seen through another', async () => {
  const [writer, reader] = await apart();
  expect(await value(reader)).toBe(0);
  const before = await totals();
  for (let v = 1; v <= 150; v++) {
    await writer.query('UPDATE n SET v = ? WHERE id = 1', [v]);
    expect(await value(reader)).toBe(v);
  }
  // The replica had it in time now and then: the reader is not just sent to the primary.
  await caughtUp(replica, primary);
  await sleep(50);
  expect(await value(reader)).toBe(150);
  const onReplica = (of: ReadonlyMap<string, number>) =>
    of.get('tandem_router_statements_total{member="db-2",class="read"}') ?? 0;
  expect(onReplica(await totals())).toBeGreaterThan(onReplica(before));
  await withReplicaStopped(async () => {
    for (let v = 151; v <= 170; v++) {
      await writer.query('UPDATE n SET v = ? WHERE id = 1', [v]);
      expect(await value(reader)).toBe(v);
    }
  });
});

test('consistency host: a write whose position is not told is seen too', async () => {
  const [writer, reader] = await apart();
  const untold = await mysql.createConnection({
    ...account,
    socketPath: router.socketPath,
    database: 'test',
    flags: ['-DEPRECATE_EOF'],
  });
  open.push(untold);
  await withReplicaStopped(async () => {
    for (const client of [untold, writer]) {
      const [rows] = await client.query<RowDataPacket[]>("INSERT INTO t (s) VALUES ('x') RETURNING id");
      const [[row]] = await reader.query<RowDataPacket[]>('SELECT MAX(id) AS id FROM t');
      expect(row?.['id']).toBe(rows[0]?.['id']);
    }
  });
});

test('all workers together have no more connections to a member than the router may have', async () => {
  const clients = await Promise.all(Array.from({ length: 40 }, () => connect()));
  const counts: number[] = [];
  let isBusy = true;
  // Without the hint some of them sleep on the replica.
  const sleeping = '/* tandem:primary */ DO SLEEP(0.15)';
  const busy = Promise.all(clients.map((client) => client.query(sleeping))).finally(() => {
    isBusy = false;
  });
  const watch = (async () => {
    while (isBusy) {
      counts.push(
        Number(
          await primary.value(
            `SELECT COUNT(*) FROM information_schema.processlist WHERE user = '${account.user}'`,
          ),
        ),
      );
      await sleep(40);
    }
  })();
  await Promise.all([busy, watch]);
  // The two of the first worker's own questions are beside it, as with a single worker.
  expect(Math.max(...counts)).toBeLessThanOrEqual(limit + 2);
  // The shares of two workers, but for the second one's own questions.
  expect(Math.max(...counts)).toBeGreaterThanOrEqual(limit - 2);
});

test('KILL reaches a session of another worker, of the same account alone', async () => {
  const [victim, killer] = await apart();
  const running = victim.query('SELECT SLEEP(20)').then(
    ([rows]) => JSON.stringify(rows),
    (error) => error.errno,
  );
  await sleep(150);
  const stranger = await connect(other);
  await expect(stranger.query(`KILL ${victim.threadId}`)).rejects.toMatchObject({ errno: 1095 });
  await killer.query(`KILL QUERY ${victim.threadId}`);
  expect(['[{"SLEEP(20)":1}]', 1317]).toContain(await running);
  expect(await value(victim)).toBeDefined();
  const gone = new Promise((resolve) => victim.on('error', resolve));
  await killer.query(`KILL CONNECTION ${victim.threadId}`);
  await gone;
  await expect(killer.query(`KILL ${victim.threadId}`)).rejects.toMatchObject({ errno: 1094 });
  const nobody = firstIdOf({ router: 1, slot: 17 });
  await expect(killer.query(`KILL ${nobody}`)).rejects.toMatchObject({ errno: 1094 });
});

test('a killed worker is replaced at once; the other one and its sessions do not notice', async () => {
  const [first, second] = await apart();
  await second.query('START TRANSACTION');
  await second.query("INSERT INTO t (s) VALUES ('stays')");
  await withReplicaStopped(async () => {
    for (let v = 900; v < 910; v++) await first.query('UPDATE n SET v = ? WHERE id = 1', [v]);
    const before = await totals();
    await first.query('UPDATE n SET v = 1000 WHERE id = 1');
    const [victim] = await status().then(({ workers }) =>
      workers.filter(({ slot }) => slot === slotOf(first)),
    );
    const pids = workerPids();
    // Workers are started in the order of their slots.
    process.kill(pids[victim?.slot ?? 0] ?? 0, 'SIGKILL');
    const began = performance.now();
    await waitFor('the replacement', async () => {
      const { workers } = await status();
      return workers.length === 2 && workerPids().every((pid) => pid !== pids[victim?.slot ?? 0]);
    });
    expect(performance.now() - began).toBeLessThan(20_000);
    expect((await status()).workerCrashes).toBe(1);
    // What the killed one acknowledged holds for whoever comes: through the other, and through its replacement.
    const [a, b] = await apart();
    expect([await value(a), await value(b)]).toEqual([1000, 1000]);
    await second.query('COMMIT');
    const after = await totals();
    for (const [name, count] of before) expect(after.get(name), name).toBeGreaterThanOrEqual(count);
  });
  expect(Number(await primary.value("SELECT COUNT(*) FROM test.t WHERE s = 'stays'"))).toBe(1);
});

/** Connects and asks, one after the other, until it is told to stop: how often, and what failed. */
function knocking(of: RouterProcess): { stop(): Promise<{ count: number; failed: string[] }> } {
  let on = true;
  const failed: string[] = [];
  let count = 0;
  const all = (async () => {
    while (on) {
      try {
        const client = await mysql.createConnection({ ...account, socketPath: of.socketPath });
        client.on('error', () => undefined);
        await client.query('SELECT 1');
        client.destroy();
      } catch (error) {
        failed.push((error as Error).message);
      }
      count++;
    }
  })();
  const stop = async () => {
    on = false;
    await all;
    return { count, failed };
  };
  return { stop };
}

test.each([
  ['one worker', 1],
  ['two workers', 2],
])(
  'a reload of %s has no gap: what is under way ends on the old, new clients come to the new',
  async (_, workers) => {
    const own = await start({ workers });
    const writer = await connect(account, own);
    const stateful = await connect(account, own);
    await stateful.query('SET @a = 1');
    await writer.query('START TRANSACTION');
    await writer.query("INSERT INTO t (s) VALUES ('reload')");
    const before = await totals(own);
    const clients = knocking(own);
    await sleep(100);
    own.configure({ workers, consistency: 'session' });
    own.signal('SIGHUP');
    await waitFor('new workers', async () => (await status(own)).reloads === 1);
    const explained = JSON.parse(await own.ask('POST', '/explain', JSON.stringify({ sql: 'SELECT 1' })));
    expect(explained.consistency).toBe('session');
    const cut = new Promise((resolve) => stateful.on('error', resolve));
    await writer.query('COMMIT');
    await cut;
    await waitFor('the old ones’ end', async () => (await status(own)).workers.length === workers);
    const { count, failed } = await clients.stop();
    expect(failed).toEqual([]);
    expect(count).toBeGreaterThan(10);
    const { drained } = await status(own);
    expect(drained.cut).toBe(1);
    expect(drained.ended).toBeGreaterThanOrEqual(1);
    expect(own.output).toMatch(/worker \d has ended: \d+ sessions ended, 1 cut after 1500 ms/);
    const after = await totals(own);
    for (const [name, total] of before) expect(after.get(name), name).toBeGreaterThanOrEqual(total);
    expect((await status(own)).pools.every((pool) => pool.limit <= limit)).toBe(true);

    // A file that can't be read changes nothing.
    own.configure(undefined);
    own.signal('SIGHUP');
    await waitFor('the refusal', () => own.output.includes('not reloaded, everything stays as it was'));
    expect(await value(await connect(account, own))).toBeDefined();
    own.signal('SIGTERM');
    expect(await own.ended()).toBe(0);
  },
);

test('KILL reaches a session of another host; an id of nobody, and a host without a router', async () => {
  const authority = await createAuthority('test', Date.now());
  const ports = [1, 2, 3].map((number) => 21_840 + number + (process.pid % 500) * 4);
  const hosts = await Promise.all(
    ports.map(async (port, index) => {
      const name = `web-${index + 1}`;
      const leaf = await issueLeaf(authority, { commonName: name, names: [name, '127.0.0.1'] }, Date.now());
      return { number: index + 1, name, host: '127.0.0.1', port, leaf };
    }),
  );
  const [first, second] = await Promise.all(
    hosts.slice(0, 2).map((own, index) =>
      start({
        number: own.number,
        workers: index + 1,
        peers: {
          listen: { host: own.host, port: own.port },
          tls: { ca: authority.certificate, ...own.leaf },
          routers: hosts
            .filter((each) => each !== own)
            .map(({ number, name, host, port }) => ({ number, name, host, port })),
        },
      }),
    ),
  );
  const victim = await connect(account, first);
  const killer = await connect(account, second);
  const running = victim.query('SELECT SLEEP(20)').then(
    ([rows]) => JSON.stringify(rows),
    (error) => error.errno,
  );
  await sleep(150);
  const stranger = await connect(other, second);
  await expect(stranger.query(`KILL ${victim.threadId}`)).rejects.toMatchObject({ errno: 1095 });
  await killer.query(`KILL QUERY ${victim.threadId}`);
  expect(['[{"SLEEP(20)":1}]', 1317]).toContain(await running);
  // The other way, by COM_PROCESS_KILL.
  const raw = await RawClient.loggedIn((first as RouterProcess).socketPath);
  raw.received = Buffer.alloc(0);
  const id = Buffer.alloc(4);
  id.writeUInt32LE(killer.threadId ?? 0);
  const gone = new Promise((resolve) => killer.on('error', resolve));
  raw.socket.write(commandPacket(0x0c, id));
  expect((await raw.until(7, 5_000))[4]).toBe(0);
  await gone;
  const errno = (id: number) =>
    victim.query(`KILL ${id}`).then(
      () => 0,
      (error) => error.errno,
    );
  expect(await errno(killer.threadId ?? 0)).toBe(1094);
  expect(await errno(firstIdOf({ router: 3, slot: 0 }))).toBe(1094);
  expect(await errno(firstIdOf({ router: 9, slot: 0 }))).toBe(1094);
  raw.socket.destroy();
});
