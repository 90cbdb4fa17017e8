/** What reading and fuzzing has found: each was wrong once. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nativeAnswer } from '#src/mysql-wire/auth-native.ts';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { encodeChangeUser } from '#src/mysql-wire/change-user.ts';
import { command } from '#src/mysql-wire/commands.ts';
import { encodeErr, parseErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket, headerBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { parseGreeting } from '#src/mysql-wire/greeting.ts';
import { digests } from '#src/router/digests.ts';
import { account } from '../../real/router/stack.ts';
import { column, endOk, err, ok, packets, resultSet } from '../../unit/mysql-wire/answers.ts';
import { type Front, startFront, viewOf } from '../front.ts';
import { RawClient } from '../raw-client.ts';

let front: Front;

beforeEach(async () => {
  front = await startFront({ bufferTimeoutMs: 300, connectTimeoutMs: 300 });
});

afterEach(() => front.close());

const query = (sql: string) => commandPacket(command.query, Buffer.from(sql));
const good = packets(resultSet(['fine'], true));
const prepared = (id: number, parameters: number) => {
  const head = Buffer.from([0, id, 0, 0, 0, 0, 0, parameters, 0, 0, 0, 0]);
  return packets([head, ...Array.from({ length: parameters }, () => column)]);
};
const asText = (payload: Buffer) => payload.toString('latin1');

/** A client that has prepared a statement with a parameter. */
async function withParameter(): Promise<RawClient> {
  front.server.reply = (payload) =>
    payload[0] === command.stmtPrepare
      ? [prepared(9, 1)]
      : payload[0] === command.stmtSendLongData
        ? []
        : undefined;
  const client = await RawClient.loggedIn(front.path);
  client.socket.write(commandPacket(command.stmtPrepare, Buffer.from('INSERT INTO t VALUES (?)')));
  await client.until(20);
  return client;
}

async function eventually(what: string, holds: () => boolean, ms = 2_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > deadline) expect.fail(what);
    await sleep(2);
  }
}

describe('what a client sends', () => {
  test('a command between 256 KiB and 1 MiB is read to its end', async () => {
    const client = await RawClient.loggedIn(front.path);
    for (const bytes of [300_000, 700_000, 1_048_575, 1_048_576, 1_048_577]) {
      client.received = Buffer.alloc(0);
      const sql = 'SELECT 1 -- '.padEnd(bytes - 1, 'x');
      client.socket.write(query(sql));
      await client.until(11);
      expect(client.payloads()[0]?.[0], `${bytes} bytes`).toBe(0);
    }
  });

  test('what is left of a long command that the server has refused is no command', async () => {
    const tooLarge = {
      errno: 1153,
      sqlState: '08S01',
      message: 'Got a packet bigger than max_allowed_packet',
    };
    const smuggled = query('DROP TABLE smuggled');
    // A server that answers and closes before it has seen the whole command, as MariaDB does.
    const early = createServer((socket) => serveEarly(socket, packetOf(encodeErr(tooLarge), 1)));
    early.listen(0, '127.0.0.1');
    await once(early, 'listening');
    const { port } = early.address() as { port: number };
    front.topology.set(viewOf(port, 2));
    const seen: string[] = [];
    function serveEarly(socket: Socket, refusal: Buffer): void {
      socket.on('error', () => undefined);
      socket.write(front.server.ownGreeting());
      let bytes = 0;
      let loggedIn = false;
      socket.on('data', (chunk) => {
        if (!loggedIn) {
          loggedIn = true;
          socket.write(packets([ok()], 2));
          return;
        }
        seen.push(asText(chunk));
        bytes += chunk.length;
        if (bytes > 100_000) {
          bytes = Number.NEGATIVE_INFINITY;
          socket.write(refusal);
        }
      });
    }
    const client = await RawClient.loggedIn(front.path);
    const large = Buffer.concat([Buffer.from('\x03INSERT INTO t VALUES ("'), Buffer.alloc(3_000_000, 'x')]);
    const packet = packetOf(large, 0);
    client.socket.write(packet.subarray(0, 200_000));
    await client.until(10);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1153);
    // A value of the statement can have these bytes.
    client.socket.write(smuggled);
    await sleep(50);
    client.socket.write(smuggled);
    await eventually('the session ends', () => client.closed, 3_000);
    early.close();
    const later = seen.join('');
    expect(later.indexOf('DROP TABLE')).toBe(-1);
  });

  test('what comes behind the end of a session is not looked at', async () => {
    const client = await RawClient.loggedIn(front.path);
    const wrong = commandPacket(command.stmtExecute, Buffer.from([1]));
    client.socket.write(Buffer.concat([wrong, query('SELECT late'), commandPacket(command.ping)]));
    await eventually('the session ends', () => client.closed);
    expect(client.payloads()).toHaveLength(1);
    expect(front.server.commands.map(asText)).toEqual([]);
  });

  test('answers of the router itself wait for a client that does not read', async () => {
    const client = await RawClient.loggedIn(front.path);
    client.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => commandPacket(command.ping)));
    for (let round = 0; round < 25; round++) client.socket.write(pings);
    await sleep(500);
    const [session] = front.router.sessions.values();
    expect(session?.client.channel.unsentBytes).toBeLessThan(1_000_000);
    client.socket.removeAllListeners('data');
    let bytes = 0;
    client.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    client.socket.resume();
    await eventually('all are answered', () => bytes === 11 * 25 * 20_000, 20_000);
  });

  test('long data without end waits for a server that does not read', async () => {
    const client = await withParameter();
    front.server.pause();
    const piece = commandPacket(
      command.stmtSendLongData,
      Buffer.from([1, 0, 0, 0, 0, 0]),
      Buffer.alloc(500_000),
    );
    for (let round = 0; round < 100; round++) client.socket.write(piece);
    await sleep(500);
    const [session] = front.router.sessions.values();
    expect(session?.connections.in('primary')?.channel.unsentBytes).toBeLessThan(3_000_000);
    front.server.resume();
    await eventually(
      'all of it arrives',
      () => front.server.commands.filter(([code]) => code === command.stmtSendLongData).length === 100,
      10_000,
    );
  });

  test('a client that leaves while its schema is asked for leaves nothing behind', async () => {
    front.server.loginDelayMs = 100;
    const client = await RawClient.open(front.path);
    await client.until(60);
    client.socket.write(client.login(0, 'test'));
    await sleep(30);
    client.socket.destroy();
    await sleep(300);
    expect(front.router.sessions.size).toBe(0);
    expect(front.router.clients).toBe(0);
  });

  test('a client that leaves while the schema of its COM_CHANGE_USER is asked for leaves nothing behind', async () => {
    const client = await RawClient.open(front.path);
    await client.until(60);
    const { scramble } = parseGreeting(client.received.subarray(headerBytes));
    client.socket.write(client.login());
    await eventually('it is let in', () => front.router.sessions.size === 1);
    front.server.loginDelayMs = 100;
    const change = {
      user: account.user,
      authResponse: nativeAnswer(digests, account.password, scramble),
      database: 'test',
      collation: 45,
      authPlugin: 'mysql_native_password',
    };
    client.socket.write(packetOf(encodeChangeUser(change, 0), 0));
    await eventually('the schema is asked for', () => front.server.connections === 1);
    client.socket.destroy();
    await eventually('it is gone', () => front.router.clients === 0);
    await eventually('its session has ended', () => front.router.sessions.size === 0);
  });

  test('a client can not fill the memory while its schema is asked for', async () => {
    front.server.loginDelayMs = 600;
    const client = await RawClient.open(front.path);
    await client.until(60);
    client.socket.write(client.login(0, 'test'));
    client.socket.write(Buffer.alloc(50_000_000));
    await sleep(250);
    expect(client.socket.writableLength).toBeGreaterThan(40_000_000);
    client.socket.destroy();
  });

  test('a long execution without types runs on a server that has not seen them', async () => {
    front.server.reply = (payload) => (payload[0] === command.stmtPrepare ? [prepared(9, 1)] : undefined);
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(commandPacket(command.stmtPrepare, Buffer.from('INSERT INTO t VALUES (?)')));
    await client.until(20);
    const head = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    const value = Buffer.alloc(1_500_000, 'v');
    const length = Buffer.from([0xfd, value.length & 0xff, (value.length >> 8) & 0xff, value.length >> 16]);
    const execute = (types: number[]) =>
      commandPacket(command.stmtExecute, Buffer.from([...head, ...types]), length, value);
    client.received = Buffer.alloc(0);
    client.socket.write(execute([1, 0xfc, 0]));
    await client.until(11);
    // Another connection, which has not seen the types.
    for (const session of front.router.sessions.values())
      session.connections.in('primary')?.lose('for the test');
    client.received = Buffer.alloc(0);
    client.socket.write(execute([0]));
    await client.until(11);
    expect(client.payloads()[0]?.[0]).toBe(0);
    const executions = front.server.commands.filter(([code]) => code === command.stmtExecute);
    expect(executions).toHaveLength(2);
    expect(executions[1]?.subarray(5).equals((executions[0] as Buffer).subarray(5))).toBe(true);
  });

  test('an execution sent right behind a preparation that fails is not one of the statement before', async () => {
    const client = await withParameter();
    front.server.reply = (payload) => (payload[0] === command.stmtPrepare ? [packets([err()])] : undefined);
    client.received = Buffer.alloc(0);
    const last = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 0, 1, 3, 0, 1, 0, 0, 0]);
    client.socket.write(
      Buffer.concat([
        commandPacket(command.stmtPrepare, Buffer.from('INSERT INTO nowhere VALUES (?)')),
        commandPacket(command.stmtExecute, last),
      ]),
    );
    await eventually('both are answered', () => client.received.includes('Unknown prepared statement'));
    expect(front.server.commands.some(([code]) => code === command.stmtExecute)).toBe(false);
  });

  test('a lost transaction is not told to a command that has no answer', async () => {
    front.server.reply = (payload) =>
      payload[0] === command.stmtPrepare
        ? [prepared(9, 0)]
        : asText(payload).includes('BEGIN')
          ? [packets([ok(3)])]
          : undefined;
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(commandPacket(command.stmtPrepare, Buffer.from('SELECT 1')));
    await client.until(16);
    client.received = Buffer.alloc(0);
    client.socket.write(query('BEGIN'));
    await client.until(11);
    for (const session of front.router.sessions.values())
      session.connections.in('primary')?.lose('for the test');
    client.received = Buffer.alloc(0);
    client.socket.write(commandPacket(command.stmtClose, Buffer.from([1, 0, 0, 0])));
    await sleep(30);
    expect(client.received.length).toBe(0);
    client.socket.write(query('SELECT 1'));
    await client.until(10);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1213);
    expect(client.payloads()).toHaveLength(1);
  });

  const begun = async (): Promise<RawClient> => {
    front.server.reply = (payload) => (asText(payload).includes('BEGIN') ? [packets([ok(3)])] : undefined);
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query('BEGIN'));
    await client.until(11);
    client.received = Buffer.alloc(0);
    return client;
  };

  test('a long statement of a lost transaction does not run by itself', async () => {
    const client = await begun();
    for (const session of front.router.sessions.values())
      session.connections.in('primary')?.lose('for the test');
    client.socket.write(query('INSERT INTO t VALUES (1) -- '.padEnd(2_000_000, 'x')));
    await eventually('the session ends', () => client.closed);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1213);
    expect(front.server.commands.some((payload) => asText(payload).includes('INSERT'))).toBe(false);
  });

  test('nothing runs behind the news that the state was lost', async () => {
    front.server.reply = (payload) => (asText(payload).includes('GET_LOCK') ? [good] : undefined);
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query("SELECT GET_LOCK('a', 1)"));
    await client.until(good.length);
    for (const session of front.router.sessions.values())
      session.connections.in('primary')?.lose('for the test');
    client.received = Buffer.alloc(0);
    client.socket.write(
      Buffer.concat([query('INSERT INTO t VALUES (1)'), query('INSERT INTO t VALUES (2)')]),
    );
    await eventually('the session ends', () => client.closed);
    expect(client.payloads()).toHaveLength(1);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1927);
    expect(front.server.commands.some((payload) => asText(payload).includes('INSERT'))).toBe(false);
  });

  test('a connection that breaks while a session is given its settings is replaced', async () => {
    front.close();
    // Time for another one.
    front = await startFront();
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query('SET NAMES latin1'));
    await client.until(11);
    for (const session of front.router.sessions.values())
      session.connections.in('primary')?.lose('for the test');
    let broken = 0;
    front.server.reply = (payload) =>
      asText(payload).includes('SET NAMES') && broken++ === 0 ? ['end'] : undefined;
    client.received = Buffer.alloc(0);
    client.socket.write(query('INSERT INTO t VALUES (1)'));
    await client.until(11);
    expect(client.payloads()[0]?.[0]).toBe(0);
    expect(broken).toBe(2);
    expect(front.server.commands.filter((payload) => asText(payload).includes('INSERT'))).toHaveLength(1);
  });

  test('a statement does not run without what broke while it was made ready', async () => {
    front.server.reply = (payload) =>
      payload[0] === command.stmtPrepare
        ? [prepared(9, 0)]
        : asText(payload).includes('GET_LOCK')
          ? [good]
          : undefined;
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(commandPacket(command.stmtPrepare, Buffer.from('INSERT INTO t VALUES (1)')));
    await client.until(16);
    client.received = Buffer.alloc(0);
    client.socket.write(query("SELECT GET_LOCK('a', 1)"));
    await client.until(good.length);
    // As if it had been prepared on another one.
    for (const session of front.router.sessions.values())
      session.connections.in('primary')?.statements.clear();
    let broken = 0;
    front.server.reply = (payload) =>
      payload[0] === command.stmtPrepare ? (broken++ === 0 ? ['end'] : [prepared(9, 0)]) : undefined;
    client.received = Buffer.alloc(0);
    client.socket.write(commandPacket(command.stmtExecute, Buffer.from([1, 0, 0, 0, 0, 1, 0, 0, 0])));
    await eventually('the session ends', () => client.closed);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1927);
    expect(front.server.commands.some(([code]) => code === command.stmtExecute)).toBe(false);
  });

  /** A session whose statement has to be prepared again, with that answer; then executes it. */
  const executedAnew = async (answer: Buffer): Promise<Buffer | undefined> => {
    front.server.reply = (payload) => (payload[0] === command.stmtPrepare ? [prepared(9, 0)] : undefined);
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(commandPacket(command.stmtPrepare, Buffer.from('SELECT * FROM t')));
    await client.until(16);
    for (const session of front.router.sessions.values())
      session.connections.in('primary')?.lose('for the test');
    front.server.commands.length = 0;
    front.server.reply = (payload) => (payload[0] === command.stmtPrepare ? [answer] : undefined);
    client.received = Buffer.alloc(0);
    client.socket.write(commandPacket(command.stmtExecute, Buffer.from([1, 0, 0, 0, 0, 1, 0, 0, 0])));
    await client.until(11, 30_000);
    return client.payloads()[0];
  };
  const commandCodes = () => front.server.commands.map(([code]) => code);

  test('definitions that nobody keeps may be of any length when a statement is prepared again', async () => {
    const columns = 0xffff;
    const definition = Buffer.concat([column, Buffer.alloc(1_100)]);
    const head = Buffer.from([0, 9, 0, 0, 0, columns & 0xff, columns >> 8, 0, 0, 0, 0, 0]);
    const answer = packets([head, ...Array.from({ length: columns }, () => definition)]);
    expect(answer.length).toBeGreaterThan(64 << 20);
    expect((await executedAnew(answer))?.[0]).toBe(0);
    expect(commandCodes()).toEqual([command.stmtPrepare, command.stmtExecute]);
  });

  test('a preparation that is answered against the protocol is not tried again', async () => {
    const error = parseErr((await executedAnew(packets([ok()], 7))) as Buffer);
    expect(error).toMatchObject({
      errno: 1105,
      message: expect.stringMatching(/not executed.*against the protocol/),
    });
    expect(commandCodes()).toEqual([command.stmtPrepare]);
  });

  test('a client that closes its half while its schema is asked for leaves nothing behind', async () => {
    front.server.loginDelayMs = 100;
    const client = await RawClient.open(front.path);
    await client.until(60);
    client.socket.end(client.login(0, 'test'));
    await eventually('it is gone', () => front.router.clients === 0);
    expect(front.router.sessions.size).toBe(0);
  });

  test('a session that begins with a prepare has no state', async () => {
    front.server.reply = (payload) => (payload[0] === command.stmtPrepare ? [prepared(9, 0)] : undefined);
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(commandPacket(command.stmtPrepare, Buffer.from('SELECT 1')));
    await client.until(16);
    const [session] = front.router.sessions.values();
    expect(session?.stateless).toBe(true);
    client.received = Buffer.alloc(0);
    client.socket.write(commandPacket(command.ping));
    await client.until(11);
    expect(client.payloads()[0]?.readUInt16LE(3)).toBe(2);
  });

  test('prepared statements have a limit in the router', async () => {
    front.server.reply = (payload) => (payload[0] === command.stmtPrepare ? [prepared(9, 0)] : undefined);
    const client = await RawClient.loggedIn(front.path);
    const prepare = commandPacket(command.stmtPrepare, Buffer.from('SELECT 1 -- '.padEnd(900_000, 'x')));
    let refused: Buffer | undefined;
    for (let round = 0; round < 100 && refused === undefined; round++) {
      client.received = Buffer.alloc(0);
      client.socket.write(prepare);
      await client.until(16);
      const [payload] = client.payloads();
      if (payload?.[0] === 0xff) refused = payload;
    }
    expect(refused?.readUInt16LE(1)).toBe(1461);
    client.received = Buffer.alloc(0);
    client.socket.write(commandPacket(command.resetConnection));
    await client.until(11);
    client.received = Buffer.alloc(0);
    client.socket.write(prepare);
    await client.until(16);
    expect(client.payloads()[0]?.[0]).toBe(0);
  });

  test('long data that reached no server makes the execution fail', async () => {
    const client = await withParameter();
    const { view } = front.topology;
    front.topology.set({ primary: undefined, epoch: 1, members: [] });
    client.socket.write(
      commandPacket(command.stmtSendLongData, Buffer.from([1, 0, 0, 0, 0, 0]), Buffer.from('x')),
    );
    await sleep(500);
    front.topology.set(view);
    client.received = Buffer.alloc(0);
    const execute = commandPacket(
      command.stmtExecute,
      Buffer.from([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0xfc, 0]),
    );
    client.socket.write(execute);
    await client.until(10);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1053);
    expect(front.server.commands.some(([code]) => code === command.stmtExecute)).toBe(false);
  });
});

describe('what a server sends', () => {
  test('bytes behind an answer are no answer to the next command', async () => {
    front.server.reply = (payload) =>
      asText(payload).includes('first') ? [Buffer.concat([good, packets([ok()])])] : [good];
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(Buffer.concat([query('SELECT first'), query('SELECT second')]));
    await client.until(2 * good.length);
    expect(client.received.equals(Buffer.concat([good, good]))).toBe(true);
  });

  test('an answer before the file was sent is none', async () => {
    const request = packets([Buffer.from('\xfbfile', 'latin1')]);
    front.server.reply = (payload) =>
      asText(payload).includes('LOAD') ? [Buffer.concat([request, packets([ok()], 2)])] : [good];
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query('LOAD DATA LOCAL INFILE "file" INTO TABLE t'));
    await client.until(10);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1158);
    expect(front.router.members.primaryPool()?.size).toBe(0);
  });

  test('a TLS handshake that is never answered ends', async () => {
    front.close();
    const greeting = () => front.server.ownGreeting(capability.ssl);
    front = await startFront({
      serverTls: { ca: '' },
      bufferTimeoutMs: 300,
      connectTimeoutMs: 200,
      poolTimeoutMs: 300,
    });
    front.server.greeting = greeting();
    front.server.mute = true;
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query('SELECT 1'));
    await client.until(10, 3_000);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1053);
    await eventually('nothing is left', () => front.server.connections === 0);
  });

  test('an answer to the router itself has a limit', async () => {
    // Of each answer: the router may prepare again on another connection, for as long as it holds the statement.
    const answers: number[] = [];
    let loaded = false;
    const row = packetOf(Buffer.concat([Buffer.from([0xfc, 0xff, 0xff]), Buffer.alloc(65_535)]), 0);
    front.server.stream = (payload, socket) => {
      if (payload[0] !== command.stmtPrepare) return false;
      if (!loaded) return false;
      let sequence = 3;
      const answer = answers.push(0) - 1;
      socket.write(packets([Buffer.from([1]), column]));
      const more = (): void => {
        while (!socket.destroyed && (answers[answer] ?? 0) < 400_000_000) {
          row[3] = sequence++ & 0xff;
          answers[answer] = (answers[answer] ?? 0) + row.length;
          if (!socket.write(Buffer.from(row))) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
      return true;
    };
    front.server.reply = (payload) => (payload[0] === command.stmtPrepare ? [prepared(9, 0)] : undefined);
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(commandPacket(command.stmtPrepare, Buffer.from('SELECT 1')));
    await client.until(16);
    loaded = true;
    for (const session of front.router.sessions.values())
      session.connections.in('primary')?.lose('for the test');
    client.received = Buffer.alloc(0);
    client.socket.write(commandPacket(command.stmtExecute, Buffer.from([1, 0, 0, 0, 0, 1, 0, 0, 0])));
    await client.until(10, 5_000);
    expect(client.payloads()[0]?.[0]).toBe(0xff);
    expect(answers.length).toBeGreaterThan(0);
    expect(Math.max(...answers)).toBeLessThan(200_000_000);
  });

  test('a login that asks again and again ends', async () => {
    const asks = packetOf(Buffer.from('\xfeclient_ed25519\0'.padEnd(48, 's'), 'latin1'), 2);
    let answers = 0;
    front.server.loginReply = (socket) => {
      for (let round = 0; round < 200; round++) {
        const next = Buffer.from(asks);
        next[3] = (2 + 2 * round) & 0xff;
        socket.write(next);
      }
      socket.on('data', () => {
        answers++;
      });
    };
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query('SELECT 1'));
    await client.until(10, 3_000);
    expect(client.payloads()[0]?.readUInt16LE(1)).toBe(1053);
    expect(answers).toBeLessThan(60);
  });

  test('values that are none do not leave a session waiting', async () => {
    const row = Buffer.from([0xfc, 0xff, 0xff, 0x41]);
    const broken = packets([Buffer.from([1]), column, row, endOk()]);
    front.server.reply = (payload) => (/^.SELECT @@/.test(asText(payload)) ? [broken] : undefined);
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query('SET sql_mode = CONCAT("ANSI", "")'));
    await client.until(11);
    // Idle for longer than `idleDetachMs`: the router asks for what the variable is.
    await sleep(1_500);
    client.received = Buffer.alloc(0);
    client.socket.write(query('SELECT 1'));
    await client.until(10);
    expect(client.received.length).toBeGreaterThan(0);
  });
});
