/** A router that ends: which sessions go at once, which are waited for, and what a successor finds. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { okPacket } from '#src/mysql-wire/ok-packet.ts';
import { briskly, gently } from '#src/router/drain.ts';
import { Router } from '#src/router/router.ts';
import { type Front, startFront } from './front.ts';
import { RawClient } from './raw-client.ts';

const autocommit = 2;
const inTransaction = 1;

let front: Front;

beforeEach(async () => {
  front = await startFront();
  let open = false;
  front.server.reply = (payload) => {
    const sql = payload.toString();
    if (sql.includes('BEGIN')) open = true;
    if (sql.includes('COMMIT')) open = false;
    const status = autocommit | (open ? inTransaction : 0);
    return [okPacket({ status }, 1)];
  };
});

afterEach(() => front.close());

async function ask(client: RawClient, sql: string): Promise<number | undefined> {
  client.received = Buffer.alloc(0);
  client.socket.write(commandPacket(command.query, Buffer.from(sql)));
  await client.until(7, 3_000);
  return client.payloads()[0]?.[0];
}

test('idle sessions end at once, one in a transaction after its COMMIT', async () => {
  const idle = await RawClient.loggedIn(front.path);
  const writer = await RawClient.loggedIn(front.path);
  expect(await ask(idle, 'DO 1')).toBe(0);
  expect(await ask(writer, 'BEGIN')).toBe(0);
  const drained = front.router.drain(briskly(3_000));
  await sleep(150);
  expect({ idle: idle.closed, writer: writer.closed }).toEqual({ idle: true, writer: false });
  expect(await ask(writer, 'INSERT INTO t VALUES (1)')).toBe(0);
  expect(await ask(writer, 'COMMIT')).toBe(0);
  expect(await drained).toEqual({ ended: 2, cut: 0 });
  expect(front.server.commands.map(String).filter((text) => text.includes('COMMIT'))).toHaveLength(1);
});

test('user variables are state; what is left when the time is over is cut and counted', async () => {
  const client = await RawClient.loggedIn(front.path);
  expect(await ask(client, 'SET @a = 1')).toBe(0);
  const beganMs = performance.now();
  expect(await front.router.drain(briskly(300))).toEqual({ ended: 0, cut: 1 });
  expect(performance.now() - beganMs).toBeGreaterThan(290);
  expect(client.closed).toBe(false);
  front.router.close();
  await client.until(10_000, 1_000);
  expect(client.closed).toBe(true);
});

test('a session that is never quiet ends behind an answer', async () => {
  const client = await RawClient.loggedIn(front.path);
  let answers = 0;
  client.socket.on('data', () => {
    answers++;
    client.socket.write(commandPacket(command.query, Buffer.from('DO 2')));
  });
  client.socket.write(commandPacket(command.query, Buffer.from('DO 1')));
  await sleep(50);
  expect(await front.router.drain(briskly(400))).toEqual({ ended: 1, cut: 0 });
  expect(answers).toBeGreaterThan(10);
});

test('where successors serve already, nobody is sent away in a short pause', async () => {
  const asking = await RawClient.loggedIn(front.path);
  const idle = await RawClient.loggedIn(front.path);
  const drained = front.router.drain(gently(6_000));
  for (let asked = 0; asked < 12; asked++) {
    expect(await ask(asking, 'DO 1')).toBe(0);
    await sleep(100);
  }
  expect({ asking: asking.closed, idle: idle.closed }).toEqual({ asking: false, idle: true });
  await asking.until(10_000, 2_000);
  expect(asking.closed).toBe(true);
  expect(await drained).toEqual({ ended: 2, cut: 0 });
});

test('a successor listens at the same path at once, before and after the end of the old one', async () => {
  const { config, topology, log } = front.router;
  const successor = new Router({ config, topology, log });
  await successor.listen();
  const old = front.router.drain(briskly(1_000));
  const client = await RawClient.loggedIn(front.path);
  expect(successor.sessions.size).toBe(1);
  await old;
  front.router.close();
  expect(await ask(client, 'DO 1')).toBe(0);
  expect(await ask(await RawClient.loggedIn(front.path), 'DO 1')).toBe(0);
  successor.close();
  expect(existsSync(front.path)).toBe(false);
});
