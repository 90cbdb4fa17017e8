import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket, maxPayloadBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { column, endOk, packets } from '../unit/mysql-wire/answers.ts';
import { type Front, startFront } from './front.ts';
import { RawClient } from './raw-client.ts';

let front: Front;

beforeEach(async () => {
  front = await startFront();
});

afterEach(() => front.close());

const mebibyte = 1024 * 1024;
/** What sockets and streams on the way may hold: kernel buffers of two connections, and a chunk here and there. */
const onTheWayBytes = 16 * mebibyte;

test('a client that stops reading stops the server, and gets everything once it reads', async () => {
  const rows = 400;
  const row = Buffer.concat([Buffer.from([0xfd, 0xff, 0xff, 0x03]), Buffer.alloc(0x3ffff, 'r')]);
  const head = packets([Buffer.from([1]), column]);
  const answer = [head, ...Array.from({ length: rows }, (_, index) => packetOf(row, (3 + index) & 0xff))];
  answer.push(packetOf(endOk(), (3 + rows) & 0xff));
  const whole = answer.reduce((sum, piece) => sum + piece.length, 0);
  front.server.reply = (payload) => (payload[0] === command.query ? answer : undefined);
  const client = await RawClient.loggedIn(front.path);
  let received = 0;
  client.socket.removeAllListeners('data');
  client.socket.pause();
  client.socket.write(commandPacket(command.query, Buffer.from('SELECT r')));
  await sleep(300);
  const unsent = front.server.unsentBytes;
  expect(whole - unsent).toBeLessThan(onTheWayBytes);
  client.socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  client.socket.resume();
  const deadline = performance.now() + 10_000;
  while (received < whole && performance.now() < deadline) await sleep(5);
  expect(received).toBe(whole);
});

test('a server that stops reading stops a client that sends 64 MiB, and gets everything once it reads', async () => {
  const client = await RawClient.loggedIn(front.path);
  client.socket.write(commandPacket(command.query, Buffer.from('SELECT 1')));
  await client.until(11);
  // How long a command may be is asked before the first long one.
  client.socket.write(commandPacket(command.query, Buffer.alloc(100_000, ' ')));
  await client.until(22);
  const statement = Buffer.alloc(64 * mebibyte, 'x');
  statement.write('\x03INSERT INTO t VALUES (1) -- ', 'latin1');
  front.server.pause();
  client.received = Buffer.alloc(0);
  client.socket.write(packetOf(statement, 0));
  await sleep(300);
  expect(statement.length - client.socket.writableLength).toBeLessThan(onTheWayBytes);
  front.server.resume();
  await client.until(11, 15_000);
  expect(client.payloads()[0]?.[0]).toBe(0);
  const got = front.server.commands.at(-1);
  expect(got?.length).toBe(statement.length);
  expect(got?.equals(statement)).toBe(true);
  expect(statement.length).toBeGreaterThan(4 * maxPayloadBytes);
}, 30_000);

test.each([255, 300, 700, 1_020, 1_030])(
  'statements of %i KiB, one by one and two at once',
  async (kibibytes) => {
    const client = await RawClient.loggedIn(front.path);
    const statement = Buffer.alloc(kibibytes * 1024, 'x');
    statement.write('SELECT 1 -- ', 'latin1');
    for (const count of [1, 2]) {
      client.received = Buffer.alloc(0);
      for (let sent = 0; sent < count; sent++) client.socket.write(commandPacket(command.query, statement));
      await client.until(11 * count, 5_000);
      expect(client.received.length).toBe(11 * count);
    }
    client.socket.destroy();
  },
);
