import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { command } from '#src/mysql-wire/commands.ts';
import { parseErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { ok, packets } from '../unit/mysql-wire/answers.ts';
import { type Front, startFront } from './front.ts';
import { RawClient } from './raw-client.ts';

let front: Front;
let victim: RawClient;
let killer: RawClient;
let id: number;
/** Answers the statement that runs. */
let end: () => void;

beforeEach(async () => {
  front = await startFront({ maxConnectionsPerMember: 1, connectTimeoutMs: 500 });
  victim = await RawClient.loggedIn(front.path);
  killer = await RawClient.loggedIn(front.path);
  id = [...front.router.sessions.keys()][0] ?? 0;
  front.server.stream = (payload, socket) => {
    if (!payload.toString().includes('SLEEP')) return false;
    end = () => socket.write(packets([ok()]));
    return true;
  };
});

afterEach(() => front.close());

const send = (client: RawClient, sql: string) => {
  client.received = Buffer.alloc(0);
  client.socket.write(commandPacket(command.query, Buffer.from(sql)));
};

async function ask(client: RawClient, sql: string): Promise<Buffer> {
  send(client, sql);
  await client.until(7, 3_000);
  return client.payloads()[0] ?? Buffer.alloc(0);
}

const seen = (sql: string) => front.server.commands.filter((payload) => payload.includes(sql)).length;

async function victimRuns(): Promise<void> {
  send(victim, 'SELECT SLEEP(100)');
  while (seen('SLEEP') === 0) await sleep(5);
}

test('KILL needs none of the connections that are all in use', async () => {
  await victimRuns();
  const beganMs = performance.now();
  expect((await ask(killer, `KILL QUERY ${id}`))[0]).toBe(0);
  expect(performance.now() - beganMs).toBeLessThan(1_000);
  expect(seen('KILL QUERY 7')).toBe(1);
});

test.each(['KILL', 'KILL QUERY'])('%s that its server does not hear of is an error', async (kill) => {
  await victimRuns();
  front.server.mute = true;
  const error = parseErr(await ask(killer, `${kill} ${id}`));
  expect(error).toMatchObject({ errno: 1105 });
  expect(error.message).toContain(`Connection ${id} was not killed`);
  expect(victim.closed).toBe(false);
});

test('a statement that began meanwhile is not the one that was meant', async () => {
  await victimRuns();
  front.server.loginDelayMs = 200;
  const killed = ask(killer, `KILL QUERY ${id}`);
  await sleep(50);
  end();
  await victim.until(7);
  send(victim, 'SELECT SLEEP(200)');
  expect((await killed)[0]).toBe(0);
  expect(seen('SLEEP(200)')).toBe(1);
  expect(seen('KILL')).toBe(0);
});

test('KILL among other statements goes with them to the server', async () => {
  for (const sql of [
    `INSERT INTO t VALUES (1); KILL QUERY ${id}`,
    `KILL QUERY ${id}; INSERT INTO t VALUES (1)`,
  ]) {
    await ask(killer, sql);
    expect(seen(sql)).toBe(1);
  }
});
