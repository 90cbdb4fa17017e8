/** Every byte boundary: however the bytes are cut, both sides get the same. */
import assert from 'node:assert/strict';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket, headerBytes, maxPayloadBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { column, endOk, ok, packets } from '../../unit/mysql-wire/answers.ts';
import { MemoryHost } from './memory.ts';
import { type Cuts, play, whole } from './player.ts';
import { type Conversation, type Exchange, packetsOf, readRecorded } from './recorded.ts';

export interface SplitCounts {
  conversations: number;
  exchanges: number;
  /** Whole conversations played. */
  plays: number;
  /** Places at which something was cut. */
  cuts: number;
  bytes: number;
}

function longest({ exchanges }: Conversation): number {
  const lengths = exchanges.flatMap(({ sent, answer }) => [sent, answer]);
  return Math.max(...lengths.map((all) => all.reduce((sum, { length }) => sum + length, 0)));
}

/** Recorded traffic, cut at each byte (or each `every`-th) of each command and answer, and byte by byte. */
export async function splitEverywhere(every = 1): Promise<SplitCounts> {
  const host = new MemoryHost();
  const { conversations } = readRecorded();
  const counts: SplitCounts = { conversations: 0, exchanges: 0, plays: 0, cuts: 0, bytes: 0 };
  for (const conversation of conversations) {
    const uncut = await play(host, conversation, whole, whole);
    counts.conversations++;
    counts.exchanges += conversation.exchanges.length;
    const check = async (what: string, cuts: Cuts): Promise<void> => {
      const counted: Cuts = (length) => {
        const places = cuts(length);
        counts.cuts += places.length;
        counts.bytes += length;
        return places;
      };
      const played = await play(host, conversation, counted, counted);
      counts.plays++;
      const where = `${conversation.client}, ${what}`;
      assert.ok(played.toServer.equals(uncut.toServer), `${where}: the server got other bytes`);
      assert.ok(played.toClient.equals(uncut.toClient), `${where}: the client got other bytes`);
    };
    for (let at = 1; at < longest(conversation); at += every) {
      await check(`cut at ${at}`, (length) => [1 + ((at - 1) % Math.max(1, length - 1))]);
    }
    await check('byte by byte', (length) => Array.from({ length }, (_, index) => index));
  }
  return counts;
}

/** Some bytes to each side of every header and end. */
function aroundPackets(bytes: Buffer): number[] {
  const places = new Set<number>();
  let at = 0;
  for (const packet of packetsOf(bytes)) {
    for (let offset = -2; offset <= headerBytes + 2; offset++) places.add(at + offset);
    at += packet.length;
  }
  return [...places].filter((place) => place > 0 && place < bytes.length);
}

function exchangeOf(sent: Buffer, answer: Buffer): Exchange {
  return { client: 'large', sent: packetsOf(sent), answer: packetsOf(answer), shape: 0, file: false };
}

/** A row of so many bytes with one value, its length written as servers do: 0xFE is for those of 16 MiB and more. */
function rowOf(size: number): Buffer {
  const row = Buffer.alloc(size, 'r');
  if (size - 4 < 2 ** 24) {
    row[0] = 0xfd;
    row.writeUIntLE(size - 4, 1, 3);
  } else {
    row[0] = 0xfe;
    row.writeBigUInt64LE(BigInt(size - 9), 1);
  }
  return row;
}

/** Payloads around the most that one packet takes, as statements and as rows, cut around every header. */
export async function splitLarge(payloads: readonly number[], every = 1): Promise<SplitCounts> {
  const host = new MemoryHost();
  const counts: SplitCounts = { conversations: 0, exchanges: 0, plays: 0, cuts: 0, bytes: 0 };
  for (const size of payloads) {
    const text = Buffer.alloc(size - 1, 'x');
    text.write('INSERT INTO t VALUES (1) -- ');
    const statement = commandPacket(command.query, text);
    // Behind the last packet of the command.
    const done = packets([ok()], packetsOf(statement).length);
    const row = rowOf(size);
    const rows = Buffer.concat([packets([Buffer.from([1]), column]), packetOf(row, 3)]);
    const next =
      (rows[
        packetsOf(rows)
          .slice(0, -1)
          .reduce((sum, { length }) => sum + length, 0) + 3
      ] ?? 0) + 1;
    const answer = Buffer.concat([rows, packetOf(endOk(), next)]);
    const read = commandPacket(command.query, Buffer.from('SELECT r'));
    for (const exchange of [exchangeOf(statement, done), exchangeOf(read, answer)]) {
      const conversation: Conversation = {
        client: `${size} bytes`,
        greeting: done,
        login: done,
        capabilities: 0,
        deprecateEof: true,
        sessionTrack: true,
        exchanges: [exchange],
      };
      counts.exchanges++;
      const all = { sent: Buffer.concat(exchange.sent), answer: Buffer.concat(exchange.answer) };
      for (const side of ['sent', 'answer'] as const) {
        const places = aroundPackets(all[side]).filter((_, index) => index % every === 0);
        // Small on one side: once is enough.
        for (const place of all[side].length < maxPayloadBytes / 2 ? places.slice(0, 1) : places) {
          const cut: Cuts = () => [place];
          const played = await play(
            host,
            conversation,
            side === 'sent' ? cut : whole,
            side === 'answer' ? cut : whole,
          );
          counts.plays++;
          counts.cuts++;
          counts.bytes += all[side].length;
          assert.ok(
            played.toServer.equals(all.sent),
            `${size} bytes, cut at ${place}: the server got others`,
          );
          assert.ok(
            played.toClient.equals(all.answer),
            `${size} bytes, cut at ${place}: the client got others`,
          );
        }
      }
    }
  }
  return counts;
}
