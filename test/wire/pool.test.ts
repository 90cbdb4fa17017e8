import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { command } from '#src/mysql-wire/commands.ts';
import { parseErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { err, ok, packets, resultSet } from '../unit/mysql-wire/answers.ts';
import { type Front, startFront } from './front.ts';
import { RawClient } from './raw-client.ts';

let front: Front | undefined;

afterEach(() => front?.close());

const query = (sql: string) => commandPacket(command.query, Buffer.from(sql));

async function ask(client: RawClient, sql: string): Promise<Buffer> {
  client.received = Buffer.alloc(0);
  client.socket.write(query(sql));
  await client.until(7, 3_000);
  return client.payloads()[0] ?? Buffer.alloc(0);
}

test('many sessions live on few connections, each reset for the next', async () => {
  front = await startFront({ maxConnectionsPerMember: 2 });
  const { path, server } = front;
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.loggedIn(path)));
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(clients.map((client) => ask(client, 'SELECT 1')));
    for (const answer of answers) expect(answer[0]).toBe(0);
  }
  expect(server.connections).toBe(2);
  // One that was handed out isn't closed to make room for the next one who waits.
  expect(front.router.observer.statistics.of('db-1').connected).toBe(2);
  const resets = server.commands.filter((payload) => payload[0] === command.resetConnection).length;
  expect(resets).toBeGreaterThanOrEqual(18);
  for (const client of clients) client.socket.destroy();
});

test('a session in a transaction keeps its connection; who waits too long is told', async () => {
  front = await startFront({ maxConnectionsPerMember: 1, poolTimeoutMs: 150, bufferTimeoutMs: 5_000 });
  const { path, server } = front;
  server.reply = (payload) => [packets([ok(payload.toString().includes('COMMIT') ? 2 : 3)])];
  const [first, second] = [await RawClient.loggedIn(path), await RawClient.loggedIn(path)];
  await ask(first, 'BEGIN');
  const error = parseErr(await ask(second, 'SELECT 1'));
  expect(error).toMatchObject({ errno: 1040, sqlState: '08004' });
  expect(error.message).toMatch(/not executed/);
  await ask(first, 'COMMIT');
  server.reply = () => [packets([ok()])];
  expect((await ask(second, 'SELECT 1'))[0]).toBe(0);
});

test('a server that has no room waits as one that cannot be reached', async () => {
  front = await startFront({ poolTimeoutMs: 150, bufferTimeoutMs: 5_000 });
  const { path, server } = front;
  const client = await RawClient.loggedIn(path);
  server.greeting = packets([Buffer.from('\xff\x10\x04Too many connections', 'latin1')], 0);
  const answer = ask(client, 'SELECT 1');
  await sleep(400);
  expect(client.received).toHaveLength(0);
  server.greeting = undefined;
  expect((await answer)[0]).toBe(0);
});

test('a client that leaves in a transaction frees its locks at once', async () => {
  front = await startFront();
  const { path, server } = front;
  server.reply = (payload) => [packets([ok(payload.toString().includes('BEGIN') ? 3 : 2)])];
  const client = await RawClient.loggedIn(path);
  await ask(client, 'BEGIN');
  client.socket.destroy();
  await sleep(50);
  expect(server.commands.at(-1)?.[0]).toBe(command.resetConnection);
});

test('a SET of what is no session variable keeps no connection', async () => {
  front = await startFront({ maxConnectionsPerMember: 1, poolTimeoutMs: 2_000 });
  const { path, server } = front;
  server.reply = (payload) => {
    const sql = payload.toString('utf8', 1);
    if (sql.includes('nonsense')) return [packets([err(1193)])];
    if (sql.startsWith('SELECT @@SESSION.wait_timeout')) return [packets(resultSet(['7'], true))];
    return [packets([ok()])];
  };
  const [first, second] = [await RawClient.loggedIn(path), await RawClient.loggedIn(path)];
  expect(parseErr(await ask(first, 'SET nonsense=1')).errno).toBe(1193);
  expect((await ask(second, 'SELECT 1'))[0]).toBe(0);
  // The server has set neither, but that isn't known of every error.
  expect(parseErr(await ask(first, 'SET wait_timeout=5, nonsense=1')).errno).toBe(1193);
  expect((await ask(second, 'SELECT 1'))[0]).toBe(0);
  server.commands.length = 0;
  expect((await ask(first, 'SELECT 2'))[0]).toBe(0);
  expect(server.commands.map((payload) => payload.toString('utf8', 1)).join(';')).toContain(
    'SET SESSION wait_timeout = 7',
  );
});

test('an idle session gives its connection back, and unused ones are closed', async () => {
  front = await startFront({ idleDetachMs: 100, idleCloseMs: 300 });
  const { path, server } = front;
  const client = await RawClient.loggedIn(path);
  await ask(client, 'SELECT 1');
  expect(server.connections).toBe(1);
  await sleep(1_200);
  expect(server.connections).toBe(0);
  expect((await ask(client, 'SELECT 1'))[0]).toBe(0);
});

test('a reset also holds for a connection that the session had given back before', async () => {
  front = await startFront({ idleDetachMs: 100 });
  const { path, server } = front;
  const client = await RawClient.loggedIn(path);
  await ask(client, 'SET foreign_key_checks = 0');
  const pool = front.router.primaryPool();
  await vi.waitFor(() => expect(pool?.idle).toBe(1), 3_000);
  client.received = Buffer.alloc(0);
  client.socket.write(commandPacket(command.resetConnection));
  await client.until(11);
  expect((await ask(client, 'INSERT INTO t VALUES (1)'))[0]).toBe(0);
  const texts = server.commands.map((payload) => payload.toString('latin1'));
  const sent = texts.slice(texts.findIndex((text) => text.includes('foreign_key_checks')) + 1);
  expect(sent).toEqual(['\x1f', '\x03INSERT INTO t VALUES (1)']);
});

test('more clients than allowed are refused as a server refuses them', async () => {
  front = await startFront({ maxClientConnections: 1 });
  const first = await RawClient.loggedIn(front.path);
  const second = await RawClient.open(front.path);
  await second.until(1_000, 1_000);
  expect(second.received.toString('latin1', 4)).toBe('\xff\x10\x04Too many connections');
  first.socket.destroy();
  await sleep(20);
  const third = await RawClient.loggedIn(front.path);
  third.socket.destroy();
});
