/** Plays recorded traffic through a session in memory, cut as the caller likes; a server of bytes gives the answers. */
import assert from 'node:assert/strict';
import { command } from '#src/mysql-wire/commands.ts';
import { headerBytes } from '#src/mysql-wire/framing.ts';
import { okPacket } from '#src/mysql-wire/ok-packet.ts';
import { type MemoryHost, type MemoryServer, type MemorySocket, settle } from './memory.ts';
import { type Conversation, type Exchange, isDialogue, type Packet, packetsOf } from './recorded.ts';

/** Where to cut so many bytes: increasing offsets. */
export type Cuts = (length: number) => readonly number[];

export const whole: Cuts = () => [];

/** The two sides' view: what the client got and what the server got. */
export interface Played {
  readonly toClient: Buffer;
  readonly toServer: Buffer;
}

export function piecesOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts.filter((cut) => cut > 0 && cut < bytes.length), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** These have no answer of a server: the router's own, and none at all. */
const answeredByRouter: ReadonlySet<number> = new Set([
  command.ping,
  command.resetConnection,
  command.quit,
  0x42,
]);

/** Prepared statements have an id of the server's in the recording, and one of the router's for the client. */
function withId(packet: Packet, ids: ReadonlyMap<number, number>): Packet {
  const code = packet[headerBytes] as number;
  if (packet[3] !== 0 || code < command.stmtExecute || code > command.stmtFetch || code === command.setOption)
    return packet;
  const copy = Buffer.from(packet);
  copy.writeUInt32LE(ids.get(packet.readUInt32LE(headerBytes + 1)) ?? 0, headerBytes + 1);
  return copy;
}

class ScriptedServer {
  readonly received: Buffer[] = [];
  expected: Packet[] = [];
  answer: Buffer = Buffer.alloc(0);
  cuts: Cuts = whole;
  /** Answers to prepares, which the router repeats on a new connection. */
  readonly prepares = new Map<string, Buffer>();
  #rest = Buffer.alloc(0);

  serve({ socket }: MemoryServer): void {
    this.#rest = Buffer.alloc(0);
    socket.onWrite = (chunk) => this.#take(socket, chunk);
  }

  #take(socket: MemorySocket, chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const packets = packetsOf(this.#rest);
    this.#rest = Buffer.from(this.#rest.subarray(packets.reduce((sum, { length }) => sum + length, 0)));
    for (const packet of packets) {
      if (this.expected[0]?.equals(packet) === true) {
        this.expected.shift();
        this.received.push(packet);
        if (this.expected.length > 0 || this.answer.length === 0) continue;
        // It comes when the command has gone out, as over a network.
        queueMicrotask(() => {
          for (const piece of piecesOf(this.answer, this.cuts(this.answer.length))) socket.deliver(piece);
        });
      } else if (packet[headerBytes] === command.stmtPrepare) {
        const own = this.prepares.get(packet.toString('latin1')) ?? okPacket({ status: 2 }, 1);
        queueMicrotask(() => socket.deliver(own));
      } else if (packet[headerBytes] === command.initDb || packet[headerBytes] === command.query) {
        queueMicrotask(() => socket.deliver(okPacket({ status: 2 }, 1)));
      } else assert.fail(`the server got ${packet.toString('hex', 0, 60)}`);
    }
  }
}

/** Plays the whole conversation; each exchange's bytes are cut by `sentCuts` and `answerCuts`. */
export async function play(
  host: MemoryHost,
  conversation: Conversation,
  sentCuts: Cuts,
  answerCuts: Cuts,
): Promise<Played> {
  const server = new ScriptedServer();
  host.onConnect = (connection) => server.serve(connection);
  const { session, socket } = host.begin(conversation);
  const got: Buffer[] = [];
  socket.onWrite = (chunk) => got.push(chunk);
  const ids = new Map<number, number>();
  server.cuts = answerCuts;
  for (const exchange of conversation.exchanges) {
    if (isDialogue(exchange) || isDialogueRest(conversation, exchange)) continue;
    const sent = Buffer.concat(exchange.sent.map((packet) => withId(packet, ids)));
    server.expected = exchange.sent.filter(
      (packet) => packet[3] !== 0 || !answeredByRouter.has(packet[headerBytes] as number),
    );
    server.answer = server.expected.length === 0 ? Buffer.alloc(0) : Buffer.concat(exchange.answer);
    const before = got.length;
    for (const piece of piecesOf(sent, sentCuts(sent.length))) socket.deliver(piece);
    const fileAsked = exchange.answer[0]?.[headerBytes] === 0xfb;
    const done = await settle(() => server.expected.length > 0 || (session.stream.busy && !fileAsked));
    if (fileAsked) for (let turn = 0; turn < 10; turn++) await undefined;
    const what = `${conversation.client}: ${sent.toString('latin1', 4, 60)}`;
    assert.ok(done && !session.closed, `no end of the answer: ${what}`);
    assert.equal(server.expected.length, 0, `the server did not get ${what}`);
    const last = exchange.sent.at(-1);
    if (last?.[3] === 0 && last[headerBytes] === command.stmtPrepare) {
      const answer = Buffer.concat(got.slice(before));
      const ofServer = (exchange.answer[0] as Packet).readUInt32LE(headerBytes + 1);
      ids.set(ofServer, answer.readUInt32LE(headerBytes + 1));
      server.prepares.set(last.toString('latin1'), Buffer.concat(exchange.answer));
    }
  }
  session.close();
  socket.destroy();
  return { toClient: Buffer.concat(got), toServer: Buffer.concat(server.received) };
}

/** The proof of the password that follows COM_CHANGE_USER. */
function isDialogueRest({ exchanges }: Conversation, exchange: Exchange): boolean {
  const before = exchanges[exchanges.indexOf(exchange) - 1];
  return before !== undefined && isDialogue(before);
}
