/**
 * Servers and clients that misbehave on purpose, one way each, against a router in front of a server of bytes. Each says
 * what must become of the session; that nobody else notices is seen by a session beside it.
 */
import assert from 'node:assert/strict';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { command } from '#src/mysql-wire/commands.ts';
import { encodeErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket, headerBytes, maxPayloadBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { sleep } from '#test/support/wait.ts';
import { column, ok, packets, resultSet, row } from '../../unit/mysql-wire/answers.ts';
import type { Reply } from '../fake-server.ts';
import type { Front } from '../front.ts';
import { RawClient } from '../raw-client.ts';

export interface Scenario {
  readonly name: string;
  /** What the client saw at last; rejects when that is wrong. */
  readonly run: (front: Front) => Promise<string>;
  /** Some seconds, which the suite doesn't have. */
  readonly takesLong?: boolean;
}

const query = (sql: string) => commandPacket(command.query, Buffer.from(sql));
const good = packets(resultSet(['fine'], true));
const boundMs = 10_000;

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + boundMs;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `in vain: ${what}`);
    await sleep(2);
  }
}

/** Error number that the client was told, or `closed`. */
async function told(client: RawClient): Promise<number | 'closed'> {
  const whole = () => client.received.length >= headerBytes + 3;
  const refused = () => whole() && client.received[headerBytes] === 0xff;
  await eventually('neither an error nor the end', () => client.closed || refused());
  if (refused()) return (client.payloads()[0] as Buffer).readUInt16LE(1);
  return 'closed';
}

// ---- Servers

/** A session asks, is answered so, and is told one of these; it works again on another server connection. */
function answers(name: string, reply: Reply, expected: readonly (number | 'closed')[]): Scenario {
  const run = async (front: Front): Promise<string> => {
    front.server.reply = (payload) => (payload.includes('hostile') ? reply : [good]);
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query('SELECT hostile'));
    const seen = await told(client);
    assert.ok(expected.includes(seen), `${seen} instead of ${expected.join(' or ')}`);
    if (!client.closed && seen !== 'closed') {
      client.received = Buffer.alloc(0);
      client.socket.write(query('SELECT again'));
      await client.until(good.length, boundMs);
      assert.ok(client.received.equals(good), 'the session does not go on');
    }
    client.socket.destroy();
    return String(seen);
  };
  return { name: `server: ${name}`, run };
}

const rows = packets([Buffer.from([1]), column, row('a'), row('b')]);
const shifted = (bytes: Buffer, by: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[3] = (copy[3] as number) + by;
  return copy;
};

/** It closes behind so many bytes of an answer: between packets, in headers, in payloads. */
const closes: Scenario = {
  name: 'server: closes at every byte of an answer',
  run: async (front) => {
    for (let bytes = 0; bytes < good.length; bytes++) {
      front.server.reply = (payload) =>
        payload.includes('hostile') ? [good.subarray(0, bytes), 'end'] : [good];
      const client = await RawClient.loggedIn(front.path);
      client.socket.write(query('SELECT hostile'));
      await eventually(`an end after ${bytes} bytes`, () => {
        const whole = client.received.length >= headerBytes + 3;
        return client.closed || (whole && client.received[headerBytes] === 0xff);
      });
      client.socket.destroy();
    }
    return 'told, or ended in the middle of the answer';
  },
};

const silent: Scenario = {
  name: 'server: never answers',
  run: async (front) => {
    front.server.reply = (payload) => (payload.includes('hostile') ? [] : [good]);
    const before = front.server.connections;
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(query('SELECT hostile'));
    await eventually('it is asked', () => front.server.commands.some((one) => one.includes('hostile')));
    client.socket.destroy();
    await eventually('the session is gone', () => front.router.sessions.size <= 1);
    await eventually('its connection is closed', () => front.server.connections <= before);
    return 'waits, and is freed when its client leaves';
  },
};

const unsolicited: Scenario = {
  name: 'server: sends packets that nobody asked for',
  run: async (front) => {
    front.server.reply = (payload) => (payload.includes('hostile') ? [good, packets([ok()]), good] : [good]);
    const client = await RawClient.loggedIn(front.path);
    for (const sql of ['SELECT hostile', 'SELECT again', 'SELECT hostile', 'SELECT again']) {
      client.received = Buffer.alloc(0);
      client.socket.write(query(sql));
      await client.until(good.length, boundMs);
      assert.ok(client.received.equals(good), `${sql}: ${client.received.toString('hex')}`);
      await sleep(20);
    }
    client.socket.destroy();
    return 'answers, each to its question';
  },
};

/** While no server connection can be made, a statement waits and is refused as not executed, or with the server's word. */
function logins(name: string, change: (front: Front) => void, expected: readonly number[]): Scenario {
  const run = async (front: Front): Promise<string> => {
    change(front);
    try {
      // What is pooled was made before: another schema needs a connection of its own.
      const client = await RawClient.loggedIn(front.path);
      client.socket.write(query(`SELECT 1`));
      const idle = front.router.members.primaryPool()?.connections() ?? [];
      for (const connection of idle) if (connection.owner === undefined) connection.lose('for the test');
      let seen = await told(client);
      if (seen === 'closed') seen = 0;
      assert.ok(expected.includes(seen), `${seen} instead of ${expected.join(' or ')}`);
      client.socket.destroy();
      return String(seen);
    } finally {
      front.server.greeting = undefined;
      front.server.loginReply = undefined;
    }
  };
  return { name: `server: ${name}`, run };
}

const answerLogin = (payload: Buffer) => (front: Front) => {
  front.server.loginReply = (socket) => {
    socket.write(packetOf(payload, 2));
    socket.resume();
  };
};

const greetings: Readonly<Record<string, Buffer>> = {
  'greets as protocol version 9': packetOf(Buffer.from('\x095.0.0\0', 'latin1'), 0),
  'greets with garbage': Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'),
  'greets with half a greeting': packetOf(Buffer.from('\x0a10.11.1\0\x01\0\0\0', 'latin1'), 0),
  'greets with an endless packet': Buffer.concat([Buffer.from([255, 255, 255, 0]), Buffer.alloc(100_000)]),
  'greets with sequence id 7': packetOf(Buffer.alloc(80, 10), 7),
};

export const servers: readonly Scenario[] = [
  answers('wrong sequence ids', [shifted(good, 4)], [1158]),
  answers(
    'a sequence id that is missing among rows',
    [packets([Buffer.from([1]), column]), packets([row('a')], 9)],
    [1158, 'closed'],
  ),
  answers('a result without columns', [packets([Buffer.from([0xfc, 0, 0])])], [1158]),
  answers(
    'more columns than there can be',
    [packets([Buffer.from([0xfe, 255, 255, 255, 255, 255, 255, 255, 255])])],
    [1158],
  ),
  answers('a number of columns without its bytes', [packets([Buffer.from([0xfd, 1])])], [1158]),
  answers('an empty packet', [Buffer.from([0, 0, 0, 1])], [1158]),
  answers('an OK packet of 16 MiB', [Buffer.from([254, 255, 255, 1, 0])], [1158]),
  answers('an OK packet without status', [packets([Buffer.from([0, 0, 0])])], [1158]),
  answers(
    'an OK packet whose message reaches beyond it',
    [packets([Buffer.from([0, 0, 0, 2, 0, 0, 0, 200])])],
    [1158],
  ),
  answers('an ERR packet of one byte', [packets([Buffer.from([0xff])])], [1158]),
  answers(
    'session state of a type that there is not',
    [packets([Buffer.from([0, 0, 0, 2, 0x40, 0, 0, 0, 3, 99, 1, 0])])],
    [1158],
  ),
  answers('a result that is cut', [rows.subarray(0, -1), 'end'], ['closed']),
  answers('nothing, and closes', ['end'], [1158]),
  closes,
  silent,
  unsolicited,
  ...Object.entries(greetings).map(([name, bytes]) =>
    logins(
      name,
      (front) => {
        front.server.greeting = bytes;
      },
      [1053, 1153, 1156, 1835],
    ),
  ),
  logins(
    'an error in place of the greeting',
    (front) => {
      front.server.greeting = packetOf(
        encodeErr({ errno: 1130, sqlState: 'HY000', message: 'not allowed' }, false),
        0,
      );
    },
    [1130],
  ),
  logins(
    'too many connections in place of the greeting',
    (front) => {
      front.server.greeting = packetOf(
        encodeErr({ errno: 1040, sqlState: '08004', message: 'Too many' }, false),
        0,
      );
    },
    [1053],
  ),
  logins(
    'asks for a plugin that nobody knows',
    answerLogin(Buffer.from('\xfenonsense\0data', 'latin1')),
    [1053],
  ),
  logins('asks for the password scheme of before 4.1', answerLogin(Buffer.from([0xfe])), [1053]),
  logins('asks for the password in clear', answerLogin(Buffer.from([1, 4])), [1053]),
  logins('an empty answer to the login', answerLogin(Buffer.alloc(0)), [1053]),
  logins('an answer to the login that is none', answerLogin(Buffer.from([0x77, 1])), [1053]),
  logins(
    'never answers the login',
    (front) => {
      front.server.loginReply = () => undefined;
    },
    [1053],
  ),
  logins(
    'closes when asked for a login',
    (front) => {
      front.server.loginReply = (socket) => socket.destroy();
    },
    [1053],
  ),
];

// ---- Clients

/** A client that has logged in sends these bytes and is told so; whether its session ends then. */
function sends(name: string, bytes: Buffer, errno: number, ends: boolean): Scenario {
  const run = async (front: Front): Promise<string> => {
    front.server.reply = () => [good];
    const client = await RawClient.loggedIn(front.path);
    client.socket.write(bytes);
    assert.equal(await told(client), errno);
    if (ends) await eventually('the end', () => client.closed);
    else {
      client.received = Buffer.alloc(0);
      client.socket.write(query('SELECT again'));
      await client.until(good.length, boundMs);
      assert.ok(client.received.equals(good), 'the session does not go on');
    }
    client.socket.destroy();
    return `${errno}${ends ? ', ended' : ''}`;
  };
  return { name: `client: ${name}`, run };
}

/** One that has not logged in; 0: it is sent away without a word. */
function greets(name: string, bytes: Buffer, errno: number): Scenario {
  const run = async (front: Front): Promise<string> => {
    const client = await RawClient.open(front.path);
    await client.until(60, boundMs);
    client.received = Buffer.alloc(0);
    client.socket.write(bytes);
    const seen = await told(client);
    assert.equal(seen, errno === 0 ? 'closed' : errno);
    await eventually('the end', () => client.closed);
    return String(seen);
  };
  return { name: `client: ${name}`, run };
}

const byId = (code: number, ...rest: number[]) => commandPacket(code, Buffer.from([77, 0, 0, 0, ...rest]));

const unknownCommands: Scenario = {
  name: 'client: every command that there is not',
  run: async (front) => {
    const client = await RawClient.loggedIn(front.path);
    const codes = [
      0,
      0x0b,
      0x0f,
      0x10,
      0x14,
      0x1d,
      ...Array.from({ length: 0xda }, (_, index) => 0x20 + index),
    ];
    for (const code of [...codes, 0xfb, 0xfc, 0xfd, 0xfe, 0xff]) {
      client.received = Buffer.alloc(0);
      client.socket.write(commandPacket(code));
      assert.equal(await told(client), 1047, `command ${code}`);
    }
    client.socket.destroy();
    return '1047';
  },
};

const pipelined: Scenario = {
  name: 'client: a thousand commands at once',
  run: async (front) => {
    front.server.reply = (payload) => [packets(resultSet([payload.toString('latin1', 8)], true))];
    const client = await RawClient.loggedIn(front.path);
    const numbers = Array.from({ length: 1_000 }, (_, index) => String(index));
    client.socket.write(Buffer.concat(numbers.map((number) => query(`SELECT ${number}`))));
    const expected = Buffer.concat(numbers.map((number) => packets(resultSet([number], true))));
    await client.until(expected.length, boundMs);
    assert.ok(client.received.equals(expected), 'other answers, or another order');
    client.socket.destroy();
    return 'all answered, in order';
  },
};

const halfClosed: Scenario = {
  name: 'client: closes its half behind a command',
  run: async (front) => {
    front.server.reply = () => [good];
    const client = await RawClient.loggedIn(front.path);
    client.socket.end(query('SELECT 1'));
    await eventually('the end', () => client.closed);
    await eventually('the session is gone', () => front.router.sessions.size <= 1);
    return 'ended';
  },
};

const slow: Scenario = {
  name: 'client: a hundred that log in a byte at a time',
  takesLong: true,
  run: async (front) => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.open(front.path)));
    await Promise.all(clients.map((client) => client.until(60, boundMs)));
    for (let at = 0; at < 40; at++) {
      for (const client of clients) client.socket.write(client.login().subarray(at, at + 1));
      await sleep(5);
    }
    front.server.reply = () => [good];
    const other = await RawClient.loggedIn(front.path);
    other.socket.write(query('SELECT 1'));
    await other.until(good.length, boundMs);
    assert.ok(other.received.equals(good), 'another client has to wait');
    other.socket.destroy();
    // The time for a login is ten seconds in all, however busy its client looks.
    await Promise.all(clients.map((client) => client.until(1_000_000, 25_000)));
    assert.ok(
      clients.every((client) => client.closed),
      'not all of them were sent away',
    );
    return 'sent away after 10 s';
  },
};

const flood = Buffer.concat([Buffer.from([255, 255, 255, 1]), Buffer.alloc(200_000)]);

export const clients: readonly Scenario[] = [
  sends('a wrong sequence id', packetOf(Buffer.from('\x03SELECT 1'), 5), 1156, true),
  sends('an empty command', Buffer.from([0, 0, 0, 0]), 1047, false),
  sends('a statement that was not prepared', byId(command.stmtExecute, 0, 1, 0, 0, 0), 1243, false),
  sends(
    'rows of a statement that was not prepared',
    byId(command.stmtFetch, 255, 255, 255, 255),
    1243,
    false,
  ),
  sends('a reset of a statement that was not prepared', byId(command.stmtReset), 1243, false),
  sends('an execution without a statement', commandPacket(command.stmtExecute, Buffer.from([1])), 1835, true),
  sends('a COM_PROCESS_KILL without an id', commandPacket(command.processKill, Buffer.from([1])), 1835, true),
  sends('half a COM_CHANGE_USER', commandPacket(command.changeUser, Buffer.from('app')), 1835, true),
  sends(
    'a COM_CHANGE_USER of somebody else',
    commandPacket(command.changeUser, Buffer.from('root\0\0\0\x2d\0mysql_native_password\0')),
    1045,
    false,
  ),
  sends('a request for the binary log', commandPacket(command.binlogDump, Buffer.alloc(10)), 1047, false),
  sends('a prepare of 2 MiB', commandPacket(command.stmtPrepare, Buffer.alloc(2 << 20, 'x')), 1158, true),
  sends(
    'long data of 2 MiB for nothing',
    commandPacket(command.stmtSendLongData, Buffer.alloc(2 << 20)),
    1153,
    true,
  ),
  sends('a ping of 16 MiB', commandPacket(command.ping, Buffer.alloc(maxPayloadBytes - 2)), 1153, true),
  greets('a command before it has logged in', packetOf(Buffer.from('\x03SELECT 1'), 1), 1043),
  greets('a command before it has logged in, as a command', query('SELECT 1'), 1156),
  greets('an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 1156),
  greets('a login without end', flood, 1153),
  greets('an empty login', Buffer.from([0, 0, 0, 1]), 1043),
  greets('a login of zeros', packetOf(Buffer.alloc(60), 1), 1043),
  unknownCommands,
  pipelined,
  halfClosed,
  slow,
];

/** Runs them one after the other beside a session that must not notice; the names with what was seen. */
export async function misbehave(
  front: Front,
  scenarios: readonly Scenario[],
): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  const witness = await RawClient.loggedIn(front.path, capability.foundRows);
  for (const { name, run } of scenarios) {
    try {
      seen[name] = await run(front);
    } catch (error) {
      witness.socket.destroy();
      throw new Error(`${name}: ${(error as Error).message}`);
    }
    front.server.reply = () => [good];
    front.server.commands.length = 0;
    witness.received = Buffer.alloc(0);
    witness.socket.write(query('SELECT witness'));
    await witness.until(good.length, boundMs);
    assert.ok(witness.received.equals(good), `${name}: another session noticed`);
  }
  witness.socket.destroy();
  return seen;
}
