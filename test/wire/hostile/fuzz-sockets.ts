/**
 * A router process under mutated bytes over real sockets, from clients and from its server. Beside it all a session that
 * does nothing wrong asks on and on, and each of its answers is checked.
 */
import assert from 'node:assert/strict';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket, headerBytes } from '#src/mysql-wire/framing.ts';
import type { Member } from '#src/router/topology/topology.ts';
import { RouterProcess } from '#test/real/router/process.ts';
import { pssBytes } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import { account } from '../../real/router/stack.ts';
import { packets, resultSet } from '../../unit/mysql-wire/answers.ts';
import { FakeServer, type Reply } from '../fake-server.ts';
import { Dice } from './dice.ts';
import { mutatedPackets, randomPieces } from './mutate.ts';
import { loginFor, QuickClient } from './quick-client.ts';
import { type Exchange, isDialogue, type Packet, readRecorded } from './recorded.ts';

export interface SocketCounts {
  readonly clientSessions: number;
  readonly serverSessions: number;
  readonly seed: number;
}

export interface SocketEvidence {
  readonly sessions: number;
  readonly packets: number;
  readonly seconds: number;
  readonly outcomes: Record<string, number>;
  readonly longestMs: number;
}

const quietAccount = { user: 'quiet', password: 'quiet-secret' };
const sideBySide = 24;
/** A session whose client has gone is gone within this, on a busy machine too. */
const endMs = 15_000;
const mebibyte = 2 ** 20;
/** Buffers, and garbage that is not yet collected. */
const growthLimitBytes = 96 * mebibyte;

/** The session that does nothing wrong. */
class Witness {
  answers = 0;
  longestMs = 0;
  #on = true;
  #done: Promise<void>;

  constructor(path: string) {
    this.#done = this.#ask(path);
    this.#done.catch(() => undefined);
  }

  static answer(sql: string): Buffer {
    return packets(resultSet([sql.slice(sql.lastIndexOf(' ') + 1)], true));
  }

  async #ask(path: string): Promise<void> {
    const client = new QuickClient(path);
    await client.logIn(quietAccount, endMs);
    while (this.#on) {
      const sql = `SELECT quiet ${this.answers}`;
      const expected = Witness.answer(sql);
      client.received = Buffer.alloc(0);
      const askedMs = performance.now();
      client.socket.write(commandPacket(command.query, Buffer.from(sql)));
      await client.until(() => client.received.length >= expected.length, endMs);
      assert.ok(client.received.equals(expected), `the quiet session got ${client.received.toString('hex')}`);
      this.longestMs = Math.max(this.longestMs, performance.now() - askedMs);
      this.answers++;
      await sleep(2);
    }
    client.socket.destroy();
  }

  async end(): Promise<void> {
    this.#on = false;
    await this.#done;
  }
}

interface Material {
  readonly sent: readonly Packet[];
  readonly answered: readonly Packet[];
  readonly exchanges: readonly Exchange[];
}

function materialOf(): Material {
  const conversations = readRecorded().conversations.filter(({ deprecateEof }) => deprecateEof);
  const exchanges = conversations.flatMap((one) =>
    one.exchanges.filter((each) => !isDialogue(each) && !each.file),
  );
  return {
    exchanges,
    sent: exchanges.flatMap(({ sent }) => sent),
    answered: exchanges.flatMap(({ answer }) => answer),
  };
}

/** Answers by what was recorded for such a command, or with what `hostile` says. */
function replyOf(
  { exchanges }: Material,
  hostile: (index: number) => Reply,
): (payload: Buffer) => Reply | undefined {
  const byCode = new Map<number, Reply>();
  for (const { sent, answer } of exchanges) {
    const code = sent.at(-1)?.[headerBytes] ?? 0;
    if (answer[0]?.[headerBytes] !== 0xfb) byCode.set(code, [Buffer.concat(answer)]);
  }
  return (payload) => {
    const [code = 0] = payload;
    if (code === command.stmtClose || code === command.stmtSendLongData) return [];
    const text = code === command.query ? payload.toString('latin1', 1, 40) : '';
    if (text.startsWith('SELECT quiet')) return [Witness.answer(text)];
    if (text.startsWith('SELECT hostile')) return hostile(Number(text.slice(15)));
    return byCode.get(code);
  };
}

async function manySessions(
  count: number,
  session: (index: number) => Promise<{ packets: number; outcome: string }>,
): Promise<SocketEvidence> {
  const startedMs = performance.now();
  const outcomes: Record<string, number> = {};
  let sent = 0;
  let longestMs = 0;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const beganMs = performance.now();
      const result = await session(index);
      longestMs = Math.max(longestMs, performance.now() - beganMs);
      sent += result.packets;
      outcomes[result.outcome] = (outcomes[result.outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, work));
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  return { sessions: count, packets: sent, seconds, outcomes, longestMs: Math.round(longestMs) };
}

/** What the client saw of its session. */
async function endOf(client: QuickClient, what: string): Promise<string> {
  client.socket.end();
  assert.ok(await client.until(() => false, endMs), `no end within ${endMs} ms: ${what}`);
  const { received } = client;
  let errno = 0;
  for (let at = 0; at + headerBytes < received.length; at += headerBytes + received.readUIntLE(at, 3)) {
    if (received[at + headerBytes] === 0xff && at + 7 <= received.length)
      errno = received.readUInt16LE(at + 5);
  }
  return errno === 0 ? (received.length > 0 ? 'answers' : 'nothing') : `error ${errno}`;
}

async function hostileClient(
  path: string,
  material: Material,
  dice: Dice,
): Promise<{ packets: number; outcome: string }> {
  const client = new QuickClient(path);
  const login = loginFor(await client.greeting(endMs), account);
  if (dice.once(5)) {
    const mutated = mutatedPackets(dice, [login], material.sent);
    for (const piece of randomPieces(dice, Buffer.concat(mutated.packets))) client.socket.write(piece);
    return { packets: mutated.count, outcome: `login: ${await endOf(client, 'a login')}` };
  }
  client.socket.write(login);
  await client.until(() => client.answered, endMs);
  assert.equal(client.received[headerBytes], 0, 'a good login was refused');
  client.received = Buffer.alloc(0);
  const commands = Array.from({ length: 1 + dice.below(12) }, () => dice.of(material.sent));
  const mutated = mutatedPackets(dice, commands, material.sent);
  const bytes = Buffer.concat(mutated.packets);
  for (const piece of randomPieces(dice, bytes)) client.socket.write(piece);
  if (dice.once(4)) await client.until(() => client.answered, 20);
  return { packets: mutated.count, outcome: await endOf(client, bytes.toString('hex', 0, 400)) };
}

async function againstServer(
  path: string,
  index: number,
  prepared: number,
): Promise<{ packets: number; outcome: string }> {
  const client = new QuickClient(path);
  await client.logIn(account, endMs);
  client.socket.write(commandPacket(command.query, Buffer.from(`SELECT hostile ${index}`)));
  await client.until(() => client.answered, 50);
  return { packets: prepared, outcome: await endOf(client, `answer ${index}`) };
}

/** The mutated answer with this number, the same whenever it is asked for. */
function hostileAnswer(
  seed: number,
  index: number,
  { exchanges, answered }: Material,
): { reply: Reply; packets: number } {
  const dice = new Dice(seed ^ Math.imul(index, 0x9e3779b1));
  const { packets: all, count } = mutatedPackets(dice, dice.of(exchanges).answer, answered);
  const pieces: (Buffer | 'end')[] = randomPieces(dice, Buffer.concat(all));
  if (dice.once(2)) pieces.push('end');
  return { reply: pieces, packets: count };
}

async function metric(router: RouterProcess, name: string): Promise<number> {
  const text = await router.ask('GET', '/metrics');
  return Number(new RegExp(`^tandem_router_${name} (\\d+)`, 'm').exec(text)?.[1]);
}

export async function fuzzSockets(
  counts: SocketCounts,
  log: (line: string) => void,
): Promise<Record<string, unknown>> {
  const material = materialOf();
  const server = await FakeServer.start();
  server.reply = replyOf(material, (index) => hostileAnswer(counts.seed, index, material).reply);
  server.keepCommands = false;
  const member: Member = {
    name: 'db-1',
    role: 'primary',
    address: { host: '127.0.0.1', port: server.port },
    historyEpoch: 1,
    lagSeconds: 0,
    appliedPosition: undefined,
    ok: true,
  };
  const accounts = [account, quietAccount];
  const router = await RouterProcess.start([member], { accounts, bufferTimeoutMs: 500 });
  const startBytes = pssBytes(router.pid);
  let peakBytes = startBytes;
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, pssBytes(router.pid));
  }, 200);
  try {
    const witness = new Witness(router.socketPath);
    const fromClients = await manySessions(counts.clientSessions, (index) =>
      hostileClient(router.socketPath, material, new Dice(counts.seed + Math.imul(index, 0x85ebca6b))),
    );
    log(`from clients: ${JSON.stringify(fromClients)}`);
    const fromServer = await manySessions(counts.serverSessions, (index) =>
      againstServer(router.socketPath, index, hostileAnswer(counts.seed, index, material).packets),
    );
    log(`from the server: ${JSON.stringify(fromServer)}`);
    await sleep(500);
    const left = {
      clients: await metric(router, 'client_connections'),
      sessions: await metric(router, 'sessions'),
    };
    assert.deepEqual(left, { clients: 1, sessions: 1 }, 'only the quiet session may be left');
    await witness.end();
    assert.ok(witness.answers > 0, 'the quiet session got no answer');
    assert.ok(!/bug/.test(router.output), router.output.slice(-2_000));
    assert.ok(peakBytes - startBytes <= growthLimitBytes, `${startBytes} to ${peakBytes} bytes`);
    return {
      fromClients,
      fromServer,
      quietSession: { answers: witness.answers, longestMs: Math.round(witness.longestMs) },
      memory: { startMiB: Math.round(startBytes / mebibyte), peakMiB: Math.round(peakBytes / mebibyte) },
    };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${router.output.slice(-2_000)}`);
  } finally {
    clearInterval(sampler);
    await router.kill();
    server.close();
  }
}
