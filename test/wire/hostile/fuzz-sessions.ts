/**
 * Whole sessions in memory under mutated packets, in either direction: from the channel on everything is production
 * code. A session answers, waits for bytes that are still due, or ends; nothing else may happen, and nothing stays.
 */
import assert from 'node:assert/strict';
import { command, type ResponseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket, headerBytes } from '#src/mysql-wire/framing.ts';
import { okPacket } from '#src/mysql-wire/ok-packet.ts';
import type { Session } from '#src/router/session/session.ts';
import { packets, resultSet } from '../../unit/mysql-wire/answers.ts';
import { Dice } from './dice.ts';
import { count, newTally, type Tally } from './fuzz-codec.ts';
import { MemoryHost, type MemorySocket, settle } from './memory.ts';
import { verdictOn } from './model.ts';
import { mutatedHeader, mutatedPackets, mutatedPayload, randomPieces } from './mutate.ts';
import { type Exchange, isDialogue, type Packet, packetsOf, readRecorded } from './recorded.ts';

/** Losing a server connection has a reason that names a fault of the server, never one of the router. */
const honestReason =
  /^(Malformed communication packet|Got packets out of order|Got a packet bigger|the server|given back|closed by the peer|could not restore|not needed|room for)/;

interface Material {
  readonly exchange: Exchange;
  readonly deprecateEof: boolean;
}

function materialOf(): { all: Material[]; sent: Packet[]; answered: Packet[] } {
  const { conversations } = readRecorded();
  const all = conversations.flatMap(({ exchanges, deprecateEof }) =>
    exchanges
      .filter((exchange) => !isDialogue(exchange) && !exchange.file && exchange.answer.length > 0)
      .map((exchange) => ({ exchange, deprecateEof })),
  );
  return {
    all,
    sent: all.flatMap(({ exchange }) => exchange.sent),
    answered: all.flatMap(({ exchange }) => exchange.answer),
  };
}

/** A session that nobody disturbs, in the same router. */
class Witness {
  static readonly answer = packets(resultSet(['fine'], true));
  readonly #session: Session;
  readonly #socket: MemorySocket;
  #got: Buffer[] = [];

  constructor(host: MemoryHost) {
    host.onConnect = ({ socket }) => {
      socket.onWrite = () => queueMicrotask(() => socket.deliver(Witness.answer));
    };
    const { session, socket } = host.begin({ deprecateEof: true, sessionTrack: true });
    this.#session = session;
    this.#socket = socket;
    socket.onWrite = (chunk) => this.#got.push(chunk);
  }

  async ask(): Promise<void> {
    this.#got = [];
    this.#socket.deliver(commandPacket(command.query, Buffer.from('SELECT fine')));
    await settle(() => this.#session.stream.busy);
    assert.ok(Buffer.concat(this.#got).equals(Witness.answer), 'the witness got another answer');
  }

  get session(): Session {
    return this.#session;
  }
}

/** When a round is over, what it began is gone: only the witness is left. */
function checkNothingLeft(host: MemoryHost, witness: Witness): void {
  assert.equal(host.held, 0, 'something is still held');
  assert.equal(host.sessions.size, 1, 'a session is still there');
  assert.ok(host.sessions.has(witness.session));
  assert.ok(host.connections.size <= 1, `${host.connections.size} server connections are still there`);
  assert.equal(host.preparedBudget.usedBytes, 0, 'prepared statements are still counted');
}

/** The end of a round: its client goes, and nothing of it stays. */
async function hangUp(
  socket: MemorySocket,
  host: MemoryHost,
  witness: Witness,
  round: number,
): Promise<void> {
  socket.hangUp();
  await settle(() => host.held > 0 || host.sessions.size > 1);
  checkNothingLeft(host, witness);
  if (round % 200 === 0) await witness.ask();
}

/** Every reason is looked at, through the owner's own eyes. */
function watchLosses(session: Session): void {
  const before = session.onConnectionLost.bind(session);
  session.onConnectionLost = (connection, reason, inFlight) => {
    assert.match(reason, honestReason, `a server connection was lost by a fault of the router: ${reason}`);
    before(connection, reason, inFlight);
  };
}

// ---- From clients

/** What answers depend on: the command, and whether an execution asks for a cursor, which comes without rows. */
function questionOf(packet: Packet): string {
  const code = packet[headerBytes] as number;
  const cursor = code === command.stmtExecute && (packet[headerBytes + 5] ?? 0) !== 0;
  return `${code}${cursor ? ' with a cursor' : ''}`;
}

/** A server that answers everything as it was answered when recorded, or with OK. */
class WillingServer {
  readonly #byQuestion = new Map<string, Buffer[]>();
  readonly #dice: Dice;
  /** It has asked for a file. */
  #file = false;
  /** What it got since the last look; what the router asks for itself is among it. */
  got: Packet[] = [];

  constructor(dice: Dice, material: readonly Material[], deprecateEof: boolean) {
    this.#dice = dice;
    for (const { exchange, deprecateEof: own } of material) {
      if (own !== deprecateEof) continue;
      const question = questionOf(exchange.sent.at(-1) as Packet);
      const answers = this.#byQuestion.get(question) ?? [];
      answers.push(Buffer.concat(exchange.answer));
      this.#byQuestion.set(question, answers);
    }
  }

  serve(socket: MemorySocket): void {
    let rest: Buffer = Buffer.alloc(0);
    socket.onWrite = (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const all = packetsOf(rest);
      rest = rest.subarray(all.reduce((sum, { length }) => sum + length, 0));
      for (const packet of all) this.#take(socket, packet);
    };
  }

  #take(socket: MemorySocket, packet: Packet): void {
    this.got.push(packet);
    const code = packet[headerBytes];
    if (this.#file) {
      // It ends with an empty packet.
      if (packet.length > headerBytes) return;
      this.#file = false;
      this.#answer(socket, okPacket({ status: 2 }, ((packet[3] as number) + 1) & 0xff));
      return;
    }
    if (code === undefined || code === command.stmtClose || code === command.stmtSendLongData) return;
    this.#answer(
      socket,
      this.#dice.of(this.#byQuestion.get(questionOf(packet)) ?? [okPacket({ status: 2 }, 1)]),
    );
  }

  #answer(socket: MemorySocket, bytes: Buffer): void {
    this.#file = bytes[headerBytes] === 0xfb;
    queueMicrotask(() => socket.deliver(bytes));
  }
}

/** What the router sends on its own account, to bring a connection where the session is. */
const ownCommands = /^(SET |SELECT )/;

function isOwn(packet: Packet): boolean {
  const code = packet[headerBytes];
  if (code === command.stmtPrepare || code === command.initDb || code === command.resetConnection)
    return true;
  return (
    code === command.query && ownCommands.test(packet.toString('latin1', headerBytes + 1, headerBytes + 9))
  );
}

/** Equal but for the statement's id, which is the server's own there; types may have been put in. */
function isForwarded(packet: Packet, sent: Packet): boolean {
  const code = sent[headerBytes] as number;
  if (packet[headerBytes] !== code) return false;
  if (code === command.stmtExecute) return packet.length >= sent.length;
  // Made anew, without what follows the id.
  if (code === command.stmtClose) return packet.length === headerBytes + 5;
  const byId = code === command.stmtBulkExecute || (code >= command.stmtExecute && code <= command.stmtFetch);
  const from = byId && code !== command.setOption ? headerBytes + 5 : 0;
  return packet.length === sent.length && packet.subarray(from).equals(sent.subarray(from));
}

export async function fuzzClients(seed: number, wanted: number): Promise<Tally> {
  const dice = new Dice(seed);
  const { all, sent } = materialOf();
  const host = new MemoryHost();
  const witness = new Witness(host);
  await witness.ask();
  const tally = newTally();
  for (let round = 0; tally.packets < wanted; round++) {
    const deprecateEof = dice.once(2);
    const server = new WillingServer(dice, all, deprecateEof);
    host.onConnect = ({ socket }) => server.serve(socket);
    const { session, socket } = host.begin({ deprecateEof, sessionTrack: dice.once(2) });
    watchLosses(session);
    let last: Buffer = Buffer.alloc(0);
    socket.onWrite = (chunk) => {
      last = chunk;
    };
    const steps = 1 + dice.below(40);
    let clean = true;
    for (let step = 0; step < steps && !session.closed; step++) {
      clean = await sendOne(dice, { session, socket, server, tally, sent, clean });
    }
    if (session.closed && last.length > 0) assert.ok(last.length > headerBytes);
    count(tally, session.closed ? `ended: ${errnoOf(last)}` : clean ? 'alive' : 'waits for more bytes');
    await hangUp(socket, host, witness, round);
  }
  return tally;
}

interface ClientRound {
  readonly session: Session;
  readonly socket: MemorySocket;
  readonly server: WillingServer;
  readonly tally: Tally;
  readonly sent: readonly Packet[];
  /** Nothing is half sent, so that the next bytes begin a packet. */
  readonly clean: boolean;
}

/** One packet of the client, mutated mostly; whether the next one begins where the router expects it. */
async function sendOne(
  dice: Dice,
  { session, socket, server, tally, sent, clean }: ClientRound,
): Promise<boolean> {
  const original = dice.of(sent);
  const kind = dice.below(12);
  const packet =
    kind === 0 ? mutatedHeader(dice, original) : kind < 11 ? mutatedPayload(dice, original, sent) : original;
  if (kind < 11) tally.packets++;
  const inOrder = clean && !session.stream.uploading && session.stream.idle;
  server.got = [];
  for (const piece of randomPieces(dice, packet)) socket.deliver(piece);
  // COM_CHANGE_USER is no work of a server: it waits for the client's proof.
  const working = () => session.stream.busy && session.work.active && !session.stream.uploading;
  const quiet = await settle(() => working() && !session.closed);
  assert.ok(quiet, `no end of ${packet.toString('hex', 0, 80)}`);
  const said = packet.length - headerBytes === packet.readUIntLE(0, 3);
  if (inOrder && packet[3] !== 0) assert.ok(session.closed, 'a wrong sequence id was taken');
  if (inOrder && said && packet[3] === 0) {
    for (const got of server.got) {
      const known = isOwn(got) || isForwarded(got, packet);
      assert.ok(known, `sent on ${got.toString('hex', 0, 60)} for ${packet.toString('hex', 0, 60)}`);
    }
  }
  return session.stream.idle && !session.stream.uploading;
}

function errnoOf(packet: Buffer): string {
  return packet[headerBytes] === 0xff ? String(packet.readUInt16LE(headerBytes + 1)) : 'closed';
}

// ---- From servers

/** Sent together with the one whose answer is hostile; this one is answered rightly. */
const secondCommand = commandPacket(command.query, Buffer.from('SELECT second'));

/** Gives the prepared answer to the next command of the client, and OK to what the router asks itself. */
class HostileServer {
  bytes: readonly Buffer[] = [];
  armed = false;
  expected: Packet = Buffer.alloc(0);
  socket: MemorySocket | undefined;

  serve(socket: MemorySocket): void {
    this.socket = socket;
    socket.onWrite = (chunk) => {
      for (const packet of packetsOf(chunk)) {
        const code = packet[headerBytes];
        if (code === command.stmtClose || code === command.stmtSendLongData || packet[3] !== 0) continue;
        if (packet.equals(secondCommand)) {
          queueMicrotask(() => socket.deliver(Witness.answer));
          continue;
        }
        if (!this.armed || !packet.equals(this.expected)) {
          queueMicrotask(() => socket.deliver(okPacket({ status: 2 }, 1)));
          continue;
        }
        this.armed = false;
        queueMicrotask(() => {
          for (const piece of this.bytes) socket.deliver(piece);
        });
      }
    };
  }
}

const shapesOf: Readonly<Record<number, Buffer>> = {
  0: commandPacket(command.query, Buffer.from('INSERT INTO t VALUES (1)')),
  1: commandPacket(command.stmtPrepare, Buffer.from('SELECT ?')),
  3: commandPacket(command.fieldList, Buffer.from('t\0')),
  4: commandPacket(command.statistics),
};

export async function fuzzServers(seed: number, wanted: number): Promise<Tally> {
  const dice = new Dice(seed);
  const { all, answered } = materialOf();
  const usable = all.filter(({ exchange }) => shapesOf[exchange.shape] !== undefined);
  const host = new MemoryHost();
  const witness = new Witness(host);
  await witness.ask();
  const tally = newTally();
  for (let round = 0; tally.packets < wanted; round++) {
    const { deprecateEof } = dice.of(usable);
    const fitting = usable.filter((one) => one.deprecateEof === deprecateEof);
    const server = new HostileServer();
    host.onConnect = ({ socket }) => server.serve(socket);
    const { session, socket } = host.begin({ deprecateEof, sessionTrack: true });
    watchLosses(session);
    const got: Buffer[] = [];
    socket.onWrite = (chunk) => got.push(chunk);
    for (let step = 0; step < 20 && !session.closed; step++) {
      const { exchange } = dice.of(fitting);
      const mutated = mutatedPackets(dice, exchange.answer, answered);
      tally.packets += mutated.count;
      got.length = 0;
      const bytes = Buffer.concat(mutated.packets);
      const outcome = await answerOnce(
        dice,
        { session, socket, server, got, bytes },
        exchange.shape,
        deprecateEof,
      );
      count(tally, outcome);
      if (outcome === 'asked for a file') break;
    }
    await hangUp(socket, host, witness, round);
  }
  return tally;
}

interface ServerRound {
  readonly session: Session;
  readonly socket: MemorySocket;
  readonly server: HostileServer;
  readonly got: readonly Buffer[];
  readonly bytes: Buffer;
}

/** One command, answered with these bytes: what comes of it must be what the model says of them. */
async function answerOnce(
  dice: Dice,
  { session, socket, server, got, bytes }: ServerRound,
  shape: ResponseShape,
  deprecateEof: boolean,
): Promise<string> {
  const connection = session.connections.in('primary');
  const verdict = verdictOn(bytes, shape, deprecateEof, connection?.scanner.status ?? 0);
  const two = dice.once(4);
  // What comes by itself when the next command has been sent can't be told from its answer.
  server.bytes = two ? [bytes] : randomPieces(dice, bytes);
  server.armed = true;
  server.expected = shapesOf[shape] as Buffer;
  socket.deliver(two ? Buffer.concat([server.expected, secondCommand]) : server.expected);
  await settle(() => session.stream.busy && !session.closed);
  const whole = withoutSecond(
    Buffer.concat(got),
    two && !session.closed && verdict.kind !== 'incomplete' && verdict.kind !== 'file',
  );
  const text = () =>
    `${verdict.kind}: ${bytes.toString('hex', 0, 200)} became ${whole.toString('hex', 0, 200)}`;
  if (verdict.kind === 'incomplete' || verdict.kind === 'file') {
    if (!session.stream.busy || session.closed) {
      // An OK packet in it can be wrong in what only its reader sees.
      assert.ok(session.closed || whole[headerBytes] === 0xff, text());
      return 'refused early';
    }
    if (verdict.kind === 'file') return 'asked for a file';
    server.socket?.hangUp();
    await settle(() => session.stream.busy && !session.closed);
    assert.ok(session.closed || !session.stream.busy, `still waits: ${text()}`);
    return session.closed ? 'cut, session ended' : 'cut, told';
  }
  assert.ok(session.closed || !session.stream.busy, `no end: ${text()}`);
  if (session.closed) return 'session ended';
  assert.ok(whole.length > headerBytes, text());
  if (verdict.kind === 'invalid') {
    assert.equal(whole[headerBytes], 0xff, `taken: ${text()}`);
    return 'refused';
  }
  const passed = shape !== 1 && whole.equals(bytes.subarray(0, verdict.at));
  // Prepared statements get other ids; 1290 has a second try; a wrong OK packet is refused.
  assert.ok(passed || shape === 1 || whole[headerBytes] === 0xff, `changed: ${text()}`);
  return passed ? 'passed' : 'told';
}

/** The second answer is whole and right, or refused; what came before it. */
function withoutSecond(got: Buffer, due: boolean): Buffer {
  if (!due) return got;
  const at = got.length - Witness.answer.length;
  if (at >= 0 && got.subarray(at).equals(Witness.answer)) return got.subarray(0, at);
  const last = packetsOf(got).at(-1);
  assert.equal(last?.[headerBytes], 0xff, `the next command got ${got.toString('hex', 0, 200)}`);
  return got.subarray(0, got.length - (last?.length ?? 0));
}
