import { afterAll, beforeAll, expect, test } from 'vitest';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { ok, packets, resultSet } from '../unit/mysql-wire/answers.ts';
import { type Front, startFront } from './front.ts';
import { RawClient } from './raw-client.ts';

let front: Front;

beforeAll(async () => {
  front = await startFront();
});

afterAll(() => front.close());

const query = (sql: string) => commandPacket(command.query, Buffer.from(sql));
const tracked = Buffer.from([
  ...[0, 1, 0, 2, 0x40, 0, 0, 0, 20, 0, 18, 9, ...Buffer.from('last_gtid'), 7, ...Buffer.from('0-1-234')],
]);

function answerOf(sql: string): Buffer {
  if (sql.includes('write')) return packets([tracked]);
  if (sql.includes('several'))
    return packets([...resultSet(['x'], true, 10), ok(10), ...resultSet([], true)]);
  return packets(resultSet(['one', 'two', 'three'], true));
}

const statements = ['SELECT read', 'INSERT write', 'SELECT several', 'SELECT read again'];
const dialogue = Buffer.concat(statements.map(query));
const noTracking = Buffer.from([0, 1, 0, 2, 0, 0, 0]);
const stripped = Buffer.concat([
  answerOf('read'),
  packets([noTracking]),
  answerOf('several'),
  answerOf('read again'),
]);

test('a client whose bytes are cut anywhere gets the same answers', async () => {
  front.server.reply = (payload) => [answerOf(payload.toString())];
  for (let cut = 1; cut < dialogue.length; cut++) {
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(dialogue.subarray(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.write(dialogue.subarray(cut));
    const whole = Buffer.concat(statements.map(answerOf));
    expect((await client.until(whole.length)).equals(whole), `cut at ${cut}`).toBe(true);
    client.socket.destroy();
  }
});

test('answers that are cut anywhere arrive whole, without what the client did not ask for', async () => {
  const longest = Math.max(...statements.map((sql) => answerOf(sql).length));
  const client = await RawClient.loggedIn(front.path, capability.sessionTrack);
  for (let cut = 1; cut < longest; cut++) {
    front.server.reply = (payload) => {
      const answer = answerOf(payload.toString());
      return [answer.subarray(0, cut), answer.subarray(cut)].filter((piece) => piece.length > 0);
    };
    client.received = Buffer.alloc(0);
    client.socket.write(dialogue);
    expect((await client.until(stripped.length)).equals(stripped), `cut at ${cut}`).toBe(true);
  }
  front.server.reply = (payload) => [...answerOf(payload.toString())].map((byte) => Buffer.from([byte]));
  client.received = Buffer.alloc(0);
  client.socket.write(dialogue);
  expect((await client.until(stripped.length)).equals(stripped), 'byte by byte').toBe(true);
  client.socket.destroy();
});

test('a login that is cut anywhere succeeds', async () => {
  const { length } = (await RawClient.open(front.path).then(async (client) => {
    await client.until(60);
    client.socket.destroy();
    return client.login();
  })) as Buffer;
  for (let cut = 1; cut < length; cut += 3) {
    const client = await RawClient.open(front.path);
    await client.until(60);
    const before = client.received.length;
    const login = client.login();
    client.socket.write(login.subarray(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.write(login.subarray(cut));
    const answer = (await client.until(before + 11)).subarray(before);
    expect(answer[4], `cut at ${cut}`).toBe(0);
    client.socket.destroy();
  }
});
