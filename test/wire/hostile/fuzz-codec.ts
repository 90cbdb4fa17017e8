/** The pure codec under mutated packets, at full speed: the right result, or a ProtocolError, whatever the bytes. */
import assert from 'node:assert/strict';
import { parseAuthSwitch } from '#src/mysql-wire/auth-switch.ts';
import { parseChangeUser } from '#src/mysql-wire/change-user.ts';
import type { ResponseShape } from '#src/mysql-wire/commands.ts';
import { parseErr } from '#src/mysql-wire/err-packet.ts';
import { headerBytes, PacketAssembler } from '#src/mysql-wire/framing.ts';
import { parseGreeting } from '#src/mysql-wire/greeting.ts';
import { isSslRequest, parseHandshakeResponse } from '#src/mysql-wire/handshake-response.ts';
import { parseOk, withoutSessionState } from '#src/mysql-wire/ok-packet.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { ResponseScanner, scanEvent } from '#src/mysql-wire/response-scanner.ts';
import { parseSessionChanges } from '#src/mysql-wire/session-track.ts';
import { Dice } from './dice.ts';
import { type Verdict, verdictOn } from './model.ts';
import { mutatedPackets, mutatedPayload, randomPieces } from './mutate.ts';
import { type Conversation, isDialogue, type Packet, packetsOf, readRecorded } from './recorded.ts';

export interface Tally {
  /** Mutated packets. */
  packets: number;
  readonly outcomes: Record<string, number>;
  /** Of all outcomes in their order: the same seed gives the same. */
  hash: number;
}

export const newTally = (): Tally => ({ packets: 0, outcomes: {}, hash: 0x811c9dc5 });

export function count(tally: Tally, outcome: string): void {
  tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;
  tally.hash = Math.imul(tally.hash ^ outcome.length ^ (outcome.charCodeAt(0) << 8), 0x01000193) >>> 0;
}

/** The error of `work`, which must be a ProtocolError; undefined when there is none. */
function refused(work: () => void): ProtocolError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

const knownStatus = 2;

/** As a server connection uses it: what can't be judged yet is given again, with what follows. */
function scanned(pieces: readonly Buffer[], shape: ResponseShape, deprecateEof: boolean): Verdict {
  const scanner = new ResponseScanner();
  scanner.status = knownStatus;
  scanner.begin(shape, deprecateEof);
  let carry: Buffer | undefined;
  let passed = 0;
  for (const piece of pieces) {
    const buffer = carry === undefined ? piece : Buffer.concat([carry, piece]);
    let at = 0;
    for (;;) {
      const event = scanner.scan(buffer, at, buffer.length);
      at = scanner.position;
      if (event === scanEvent.more) break;
      lookAt(event, buffer, scanner);
      if (event === scanEvent.localFile) return { kind: 'file', at: passed + at };
      if (scanner.done) return { kind: 'end', at: passed + at };
    }
    carry = scanner.held === 0 ? undefined : Buffer.from(buffer.subarray(buffer.length - scanner.held));
    passed += buffer.length - scanner.held;
  }
  return { kind: 'incomplete' };
}

function same(one: Verdict, other: Verdict): boolean {
  return one.kind === other.kind && ('at' in one ? one.at : 0) === ('at' in other ? other.at : 0);
}

function verdictOf(scan: () => Verdict): Verdict {
  let seen: Verdict | undefined;
  refused(() => {
    seen = scan();
  });
  return seen ?? { kind: 'invalid' };
}

/** What a session does with the packets that mean something. */
function lookAt(event: number, buffer: Buffer, { payloadStart, packetEnd }: ResponseScanner): void {
  if (event === scanEvent.err) {
    assert.ok(parseErr(buffer.subarray(payloadStart, packetEnd)).errno >= 0);
  } else if (event === scanEvent.ok) {
    const error = refused(() => {
      const { message, changes } = parseOk(buffer, payloadStart, packetEnd, true);
      const fields = message.length + (changes?.length ?? 0);
      assert.ok(fields + 7 <= packetEnd - payloadStart, 'an OK packet has more than its bytes');
      const from = changes === undefined ? packetEnd : buffer.indexOf(changes, payloadStart);
      assert.ok(from + (changes?.length ?? 0) <= packetEnd, 'session state beyond its packet');
      const less = withoutSessionState(buffer, payloadStart, packetEnd, 1);
      assert.ok(less.length <= packetEnd - payloadStart + headerBytes);
      assert.equal(less.readUIntLE(0, 3), less.length - headerBytes);
      checkLengths(buffer, payloadStart, packetEnd, message.length);
      if (changes !== undefined) parseSessionChanges(changes);
    });
    if (error !== undefined) assert.equal(error.errno, 1835);
  }
}

/** The message is as long as its length says. */
function checkLengths(buffer: Buffer, from: number, to: number, messageLength: number): void {
  let at = from + 1;
  const size = (first: number) => (first < 0xfb ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9);
  for (let number = 0; number < 2; number++) at += size(buffer[at] as number);
  at += 4;
  if (at >= to) return;
  const first = buffer[at] as number;
  if (first < 0xfb) assert.equal(messageLength, first, 'a message that is shorter than it says');
}

/** From a server to the router. */
export function fuzzAnswers(seed: number, packets: number): Tally {
  const dice = new Dice(seed);
  const { conversations } = readRecorded();
  const material = conversations.flatMap((conversation) =>
    conversation.exchanges
      .filter((exchange) => !isDialogue(exchange) && exchange.answer.length > 0)
      .map((exchange) => ({ ...exchange, deprecateEof: conversation.deprecateEof })),
  );
  const others = material.flatMap(({ answer }) => answer);
  const greetings = conversations.map(({ greeting }) => greeting);
  const tally = newTally();
  while (tally.packets < packets) {
    if (dice.once(40)) {
      fuzzGreeting(dice, tally, greetings);
      continue;
    }
    const { answer, shape, deprecateEof, file } = dice.of(material);
    // An answer to a file has the sequence ids behind the file's; from 1 on it is one like any other.
    const start = file ? renumber(answer) : answer;
    const mutated = mutatedPackets(dice, start, others);
    tally.packets += mutated.count;
    const bytes = Buffer.concat(mutated.packets);
    const expected = verdictOn(bytes, shape, deprecateEof, knownStatus);
    const seen = verdictOf(() => scanned(randomPieces(dice, bytes), shape, deprecateEof));
    if (!same(seen, expected)) assert.deepEqual(seen, expected, `shape ${shape}: ${bytes.toString('hex')}`);
    count(tally, seen.kind === 'end' ? 'an answer' : seen.kind);
  }
  return tally;
}

function renumber(packets: readonly Packet[]): Packet[] {
  return packets.map((packet, index) => {
    const copy = Buffer.from(packet);
    copy[3] = index + 1;
    return copy;
  });
}

function fuzzGreeting(dice: Dice, tally: Tally, greetings: readonly Packet[]): void {
  const packet = mutatedPayload(dice, dice.of(greetings), greetings);
  tally.packets++;
  const payload = packet.subarray(headerBytes);
  const error = refused(() => {
    const greeting = parseGreeting(payload);
    assert.equal(greeting.scramble.length, 20);
  });
  count(tally, error === undefined ? 'greeting' : 'greeting refused');
  refused(() => void parseAuthSwitch(payload));
}

/** From a client to the router: logins, and what is assembled before anybody has logged in. */
export function fuzzLogins(seed: number, packets: number): Tally {
  const dice = new Dice(seed);
  const { conversations } = readRecorded();
  const logins = conversations.map(({ login }) => login);
  const others = conversations.flatMap((conversation: Conversation) =>
    conversation.exchanges.flatMap(({ sent }) => sent),
  );
  const changes = others.filter((packet) => packet[headerBytes] === 0x11 && packet[3] === 0);
  const tally = newTally();
  while (tally.packets < packets) {
    const one = dice.once(3) ? dice.of(changes) : dice.of(logins);
    const mutated = mutatedPackets(dice, [one], others);
    tally.packets += mutated.count;
    const bytes = Buffer.concat(mutated.packets);
    const payload = assembled(dice, bytes, one[3] as number);
    if (payload === undefined) {
      count(tally, 'no packet');
      continue;
    }
    const error = refused(() => {
      if (one[3] === 0) parseChangeUser(payload);
      else if (!isSslRequest(payload)) checkLogin(payload);
    });
    count(tally, error === undefined ? 'a login' : 'refused');
  }
  return tally;
}

/** The first packet, however it was cut, or undefined; the same that a plain look at the bytes finds. */
function assembled(dice: Dice, bytes: Buffer, sequenceId: number): Buffer | undefined {
  const assembler = new PacketAssembler(65_536);
  assembler.expectedSequenceId = sequenceId;
  let found: Buffer | undefined;
  const error = refused(() => {
    for (const piece of randomPieces(dice, bytes)) {
      assembler.push(piece);
      found ??= assembler.next()?.payload;
    }
  });
  const [first] = packetsOf(bytes);
  const said = bytes.length < headerBytes ? 0 : bytes.readUIntLE(0, 3);
  if (bytes.length >= headerBytes && (bytes[3] !== sequenceId || said > 65_536)) {
    assert.ok(error !== undefined && found === undefined, 'a packet that should be refused was taken');
    return undefined;
  }
  const expected = first?.subarray(headerBytes);
  assert.ok(
    found === undefined ? expected === undefined : expected?.equals(found) === true,
    'another packet',
  );
  return found;
}

/** The name and the answer are where the packet says. */
function checkLogin(payload: Buffer): void {
  const { user, authResponse, capabilities } = parseHandshakeResponse(payload);
  const nul = payload.indexOf(0, 32);
  assert.equal(user, payload.toString('utf8', 32, nul));
  const length = payload[nul + 1] as number;
  if ((capabilities & (1 << 15)) !== 0 && length < 0xfb) {
    assert.equal(authResponse.length, length, 'an answer that is shorter than it says');
    assert.ok(authResponse.equals(payload.subarray(nul + 2, nul + 2 + length)));
  }
}
