import { afterAll, beforeAll, expect, test } from 'vitest';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket, headerBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { seededRandom } from '#test/support/random.ts';
import { column, endOk, err, ok, packets, resultSet } from '../unit/mysql-wire/answers.ts';
import { type Front, startFront } from './front.ts';
import { RawClient } from './raw-client.ts';

let front: Front;

beforeAll(async () => {
  front = await startFront({ bufferTimeoutMs: 100 });
});

afterAll(() => front.close());

const good = packets(resultSet(['fine'], true));

/** A session that nobody disturbs still gets its answers. */
async function stillServes(witness: RawClient): Promise<void> {
  front.server.reply = () => [good];
  witness.received = Buffer.alloc(0);
  witness.socket.write(commandPacket(command.query, Buffer.from('SELECT 1')));
  expect((await witness.until(good.length)).equals(good)).toBe(true);
}

/** An integer from 0 to below its argument. */
type Integer = (below: number) => number;

function integers(seed: number): Integer {
  const random = seededRandom(seed);
  return (below) => Math.floor(random() * below);
}

function mutated(random: Integer, bytes: Buffer): Buffer {
  const result = Buffer.from(bytes);
  for (let count = 1 + random(4); count > 0; count--) {
    result[random(result.length)] = [0, 1, 4, 0x7f, 0xfb, 0xfe, 0xff, random(256)][random(8)] ?? 0;
  }
  const kind = random(6);
  if (kind === 0) return result.subarray(0, 1 + random(result.length));
  if (kind === 1) return Buffer.concat([result, bytes.subarray(random(bytes.length))]);
  return result;
}

const seed = Number(process.env['WIRE_SEED'] ?? 20_261_123);
const rounds = Number(process.env['WIRE_ROUNDS'] ?? 300);

test(`${rounds} mutated logins and commands end their own session at most (seed ${seed})`, async () => {
  const random = integers(seed);
  const witness = await RawClient.loggedIn(front.path);
  const stmt = (code: number) => commandPacket(code, Buffer.from([1, 0, 0, 0, 0, 1, 0, 0, 0]));
  const commands = [
    commandPacket(command.query, Buffer.from('SELECT 1')),
    commandPacket(command.stmtPrepare, Buffer.from('SELECT ?')),
    stmt(command.stmtExecute),
    stmt(command.stmtFetch),
    stmt(command.stmtSendLongData),
    stmt(command.stmtClose),
    commandPacket(command.changeUser, Buffer.from('app\0\0\0')),
    commandPacket(command.initDb, Buffer.from('test')),
    commandPacket(command.resetConnection),
    commandPacket(command.ping),
    commandPacket(command.statistics),
    commandPacket(command.setOption, Buffer.from([0, 0])),
  ];
  for (let round = 0; round < rounds; round++) {
    front.server.reply = (payload) =>
      payload[0] === command.stmtPrepare
        ? [packets([Buffer.from([0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), column])]
        : payload[0] === command.statistics
          ? [packets([Buffer.from('fine')])]
          : [packets([ok()])];
    const inLogin = random(4) === 0;
    const client = inLogin ? await RawClient.open(front.path) : await RawClient.loggedIn(front.path);
    if (inLogin) {
      await client.until(60);
      client.socket.write(mutated(random, client.login()));
    } else {
      const stream = Buffer.concat(
        Array.from({ length: 6 }, () => commands[random(commands.length)] as Buffer),
      );
      client.socket.write(mutated(random, stream));
    }
    await client.until(1_000_000, 4);
    client.socket.destroy();
    if (round % 50 === 49) await stillServes(witness);
  }
  await stillServes(witness);
  witness.socket.destroy();
});

test(`${rounds} mutated answers of a server end their own session at most (seed ${seed})`, async () => {
  const random = integers(seed + 1);
  const witness = await RawClient.loggedIn(front.path);
  const answers = [
    good,
    packets([ok()]),
    packets([err()]),
    packets([...resultSet(['a'], true, 10), ok()]),
    packets([Buffer.from([2]), column, column, endOk()]),
    packets([Buffer.from('\xfbfile', 'latin1')]),
  ];
  for (let round = 0; round < rounds; round++) {
    const client = await RawClient.loggedIn(front.path);
    const reply = mutated(random, answers[random(answers.length)] as Buffer);
    front.server.reply = () => [reply];
    client.socket.write(commandPacket(command.query, Buffer.from('SELECT 1')));
    await client.until(headerBytes + 5, 4);
    client.socket.destroy();
    if (round % 50 === 49) await stillServes(witness);
  }
  await stillServes(witness);
  witness.socket.destroy();
});

test('out of order, endless, empty: the client is told, or sent away', async () => {
  const wrong = packetOf(Buffer.from('\x03SELECT 1'), 5);
  const client = await RawClient.loggedIn(front.path);
  client.socket.write(wrong);
  await client.until(1_000, 200);
  expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1156);
  expect(client.closed).toBe(true);
  const empty = await RawClient.loggedIn(front.path);
  empty.socket.write(Buffer.from([0, 0, 0, 0]));
  await empty.until(8);
  expect(empty.payloads()[0]?.readUInt16LE(1)).toBe(1047);
  empty.socket.destroy();
  const stranger = await RawClient.open(front.path);
  await stranger.until(60);
  stranger.socket.write(Buffer.from([255, 255, 255, 1]));
  await stranger.until(1_000_000, 1_000);
  expect(stranger.closed).toBe(true);
});
