/** A replica that says nothing any more, as one whose host is gone or whose server is frozen. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { command } from '#src/mysql-wire/commands.ts';
import { parseErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { RoutedSession } from '#src/router/session/routed-session.ts';
import type { RouteChoice } from '#src/router/session/routes.ts';
import type { Member } from '#src/router/topology/topology.ts';
import { ok, packets } from '../unit/mysql-wire/answers.ts';
import { FakeServer } from './fake-server.ts';
import { type Front, startFront, viewOf } from './front.ts';
import { RawClient } from './raw-client.ts';

let front: Front;
let replica: FakeServer;
let waitFor: string | undefined;

/** Reads go to the replica, whatever is known of it. */
class ReplicaRoutes extends RoutedSession {
  override choose(...asked: Parameters<RoutedSession['choose']>): RouteChoice {
    const choice = super.choose(...asked);
    if (asked[0]?.class !== 'read') return choice;
    return { ...choice, slot: 'replica', member: 'db-2', sampleFirst: false, waitFor, waitMs: 50 };
  }
}

function setReplica(changes: Partial<Member> = {}): void {
  const { primary, epoch } = viewOf(front.server.port);
  const address = { host: '127.0.0.1', port: replica.port };
  const second = { ...(primary as Member), name: 'db-2', role: 'replica', address, ...changes } as const;
  front.topology.set({ primary, epoch, members: [primary as Member, second] });
}

beforeEach(async () => {
  waitFor = undefined;
  replica = await FakeServer.start();
  front = await startFront({ connectTimeoutMs: 300 }, undefined, (client, schema) => {
    return new ReplicaRoutes(front.router.shared, client, schema);
  });
  setReplica();
});

afterEach(() => {
  front.close();
  replica.close();
});

const seenBy = (server: FakeServer, sql: string) =>
  server.commands.filter((payload) => payload.toString().includes(sql)).length;

async function ask(client: RawClient, sql: string, timeoutMs = 8_000): Promise<Buffer> {
  client.received = Buffer.alloc(0);
  client.socket.write(commandPacket(command.query, Buffer.from(sql)));
  await client.until(7, timeoutMs);
  return client.payloads()[0] ?? Buffer.alloc(0);
}

/** Answers nothing to statements with these words. */
function silentAt(words: string): void {
  replica.stream = (payload) => payload.toString().includes(words);
}

test('a read under way there ends once the member is in no order and does not answer', async () => {
  const client = await RawClient.loggedIn(front.path);
  silentAt('SELECT 1');
  const answer = ask(client, 'SELECT 1');
  await sleep(100);
  expect(seenBy(replica, 'SELECT 1')).toBe(1);
  replica.mute = true;
  setReplica({ ok: false });
  const error = parseErr(await answer);
  expect(error).toMatchObject({ errno: 1158, sqlState: '08007' });
  expect(seenBy(front.server, 'SELECT 1')).toBe(0);
  expect(front.router.members.replicaPool('db-2')?.outstanding).toBe(0);
  replica.mute = false;
  replica.stream = () => false;
  setReplica();
  expect((await ask(client, 'SELECT 2'))[0]).toBe(0);
  expect(seenBy(replica, 'SELECT 2')).toBe(1);
});

test('a read under way at a member that only does not replicate goes on', async () => {
  const client = await RawClient.loggedIn(front.path);
  replica.stream = (payload, socket) => {
    if (!payload.toString().includes('SELECT 1')) return false;
    setTimeout(() => socket.write(packets([ok()])), 4_000);
    return true;
  };
  const answer = ask(client, 'SELECT 1');
  await sleep(100);
  setReplica({ ok: false });
  expect((await answer)[0]).toBe(0);
});

test.each([
  ['the wait for a position', 'MASTER_GTID_WAIT', []],
  ['the settings of the session', 'SET SESSION', ['SET wait_timeout=7']],
])('when it does not answer %s, the primary answers the read', async (_what, words, before) => {
  const client = await RawClient.loggedIn(front.path);
  for (const sql of before) await ask(client, sql);
  if (words === 'MASTER_GTID_WAIT') waitFor = '0-1-7';
  silentAt(words);
  expect((await ask(client, 'SELECT 1', 3_000))[0]).toBe(0);
  expect(seenBy(replica, words)).toBe(1);
  expect(seenBy(front.server, 'SELECT 1')).toBe(1);
});

test('the kernel asks whether the host of a server is still there', async () => {
  const client = await RawClient.loggedIn(front.path);
  await ask(client, 'SELECT 1');
  const port = replica.port.toString(16).toUpperCase().padStart(4, '0');
  const toServer = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state]) => remote?.endsWith(`:${port}`) === true && state === '01');
  expect(toServer.length).toBeGreaterThan(0);
  // The timer that runs: 02 is keepalive.
  for (const [, , , , , timer] of toServer) expect(timer).toMatch(/^02:/);
});
