import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { command } from '#src/mysql-wire/commands.ts';
import { encodeErr, parseErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket, packetOf } from '#src/mysql-wire/framing.ts';
import { ok, packets, resultSet } from '../unit/mysql-wire/answers.ts';
import { FakeServer } from './fake-server.ts';
import { type Front, startFront, viewOf } from './front.ts';
import { RawClient } from './raw-client.ts';

let front: Front;
/** The next primary, of epoch 2. */
let next: FakeServer;

beforeEach(async () => {
  front = await startFront({ bufferTimeoutMs: 600, bufferBytes: 10_000 });
  next = await FakeServer.start();
});

afterEach(() => {
  front.close();
  next.close();
});

const query = (sql: string) => commandPacket(command.query, Buffer.from(sql));
const noPrimary = () => front.topology.set({ primary: undefined, epoch: 1, members: [] });
const failOver = () => front.topology.set(viewOf(next.port, 2));
const seenBy = (server: FakeServer, sql: string) =>
  server.commands.filter((payload) => payload.toString().includes(sql)).length;
const readOnly = packetOf(
  encodeErr({
    errno: 1290,
    sqlState: 'HY000',
    message: 'The MariaDB server is running with the --read-only option so it cannot execute this statement',
  }),
  1,
);

/** An INSERT got the id 7. */
const inserted = (status = 2) => packets([Buffer.from([0, 1, 7, status, 0, 0, 0])]);

/** Sends one statement and waits for its answer: the payload of the first packet. */
async function ask(client: RawClient, sql: string): Promise<Buffer> {
  client.received = Buffer.alloc(0);
  client.socket.write(query(sql));
  await client.until(7, 3_000);
  return client.payloads()[0] ?? Buffer.alloc(0);
}

test('without a primary a statement waits, and goes to the next one', async () => {
  const client = await RawClient.loggedIn(front.path);
  noPrimary();
  const answer = ask(client, 'INSERT INTO t VALUES (1)');
  await sleep(100);
  expect(client.received).toHaveLength(0);
  failOver();
  expect((await answer)[0]).toBe(0);
  expect(seenBy(front.server, 'INSERT')).toBe(0);
  expect(seenBy(next, 'INSERT')).toBe(1);
});

test('when no primary comes in time, the client learns that nothing was executed', async () => {
  const client = await RawClient.loggedIn(front.path);
  noPrimary();
  const began = performance.now();
  const error = parseErr(await ask(client, 'INSERT INTO t VALUES (1)'));
  expect(error).toMatchObject({ errno: 1053, sqlState: '08001' });
  expect(error.message).toContain('not executed');
  expect(performance.now() - began).toBeGreaterThan(500);
  failOver();
  expect((await ask(client, 'INSERT INTO t VALUES (2)'))[0]).toBe(0);
});

test('more waiting bytes than allowed are refused at once', async () => {
  const [first, second] = [await RawClient.loggedIn(front.path), await RawClient.loggedIn(front.path)];
  noPrimary();
  const waiting = ask(first, `INSERT INTO t VALUES ('${'x'.repeat(9_000)}')`);
  await sleep(20);
  const began = performance.now();
  const error = parseErr(await ask(second, `INSERT INTO t VALUES ('${'y'.repeat(2_000)}')`));
  expect(error.message).toMatch(/not executed.*bufferBytes/);
  expect(performance.now() - began).toBeLessThan(300);
  failOver();
  expect((await waiting)[0]).toBe(0);
  expect(front.router.observer.statistics.waitingBytes).toBe(0);
});

test('a simple statement that a read-only server refused is sent to the next primary', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = (payload) => (payload.toString().includes('INSERT') ? [readOnly] : undefined);
  const answer = ask(client, 'INSERT INTO t VALUES (1)');
  await sleep(50);
  failOver();
  expect((await answer)[0]).toBe(0);
  // Once, and not again after that either.
  await sleep(300);
  expect(seenBy(next, 'INSERT')).toBe(1);
  expect(client.payloads()).toHaveLength(1);
});

test('the refusal itself arrives when there is no other primary, and for what can have run in part', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = () => [readOnly];
  const began = performance.now();
  expect(parseErr(await ask(client, 'INSERT INTO t VALUES (1)')).errno).toBe(1290);
  expect(performance.now() - began).toBeGreaterThan(500);
  const before = performance.now();
  expect(parseErr(await ask(client, 'CALL p()')).errno).toBe(1290);
  expect(seenBy(front.server, 'CALL')).toBe(1);
  expect(performance.now() - before).toBeLessThan(300);
});

test.each(['SET autocommit = 0', 'SET @t = 5', "DO GET_LOCK('a', 1)"])(
  'a refused statement is not sent without what the session has: %s',
  async (sql) => {
    const client = await RawClient.loggedIn(front.path);
    front.server.reply = (payload) => {
      if (payload.toString().includes('INSERT')) return [readOnly];
      return [packets([ok(payload.toString().includes('autocommit') ? 0 : 2)])];
    };
    await ask(client, sql);
    const answer = ask(client, 'INSERT INTO t VALUES (@t)');
    await sleep(50);
    failOver();
    expect(parseErr(await answer)).toMatchObject({ errno: 1927, sqlState: '08S01' });
    await client.until(1_000_000, 1_000);
    expect(client.closed).toBe(true);
    expect(seenBy(next, 'INSERT')).toBe(0);
  },
);

test('a refused statement takes the last insert id along', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = (payload) => {
    if (payload.toString().includes('last_insert_id')) return [packets(resultSet(['7'], true))];
    return [payload.toString().includes('child') ? readOnly : inserted()];
  };
  await ask(client, 'INSERT INTO parent VALUES (1)');
  const answer = ask(client, 'INSERT INTO child VALUES (LAST_INSERT_ID())');
  await sleep(50);
  failOver();
  expect((await answer)[0]).toBe(0);
  const texts = next.commands.map((payload) => payload.toString('latin1', 1));
  const child = texts.findIndex((text) => text.includes('child'));
  expect(texts[child - 1]).toBe('SET SESSION last_insert_id = 7');
  expect(seenBy(next, 'child')).toBe(1);
  await vi.waitFor(() => expect(front.server.connections).toBe(0), 2_000);
});

/** Everything is in a transaction, and this text is refused. */
const refusesInTransaction = (text: string) => (payload: Buffer) => [
  payload.toString().includes(text) ? readOnly : packets([ok(3)]),
];

test.each(['INSERT INTO t VALUES (1)', 'COMMIT'])(
  'a transaction in which %s is refused is rolled back, and can be run again on the next primary',
  async (sql) => {
    const client = await RawClient.loggedIn(front.path);
    front.server.reply = refusesInTransaction(sql);
    await ask(client, 'BEGIN');
    const error = parseErr(await ask(client, sql));
    expect(error).toMatchObject({ errno: 1213, sqlState: '40001' });
    expect(error.message).toContain('no longer the primary');
    expect(seenBy(front.server, sql)).toBe(1);
    // The server rolls back what its client left.
    await vi.waitFor(() => expect(front.server.connections).toBe(0), 2_000);
    failOver();
    expect((await ask(client, 'BEGIN'))[0]).toBe(0);
    expect((await ask(client, sql))[0]).toBe(0);
    expect([seenBy(front.server, sql), seenBy(next, sql)]).toEqual([1, 1]);
  },
);

test('inside a transaction the refusal of what may have ended it, or run in part, is passed on', async () => {
  const client = await RawClient.loggedIn(front.path);
  for (const sql of ['CREATE TABLE u (a INT)', 'CALL p()', 'INSERT INTO t VALUES (1); COMMIT']) {
    front.server.reply = refusesInTransaction(sql);
    await ask(client, 'BEGIN');
    expect(parseErr(await ask(client, sql)).errno).toBe(1290);
  }
});

/** Sends the statements without waiting for answers; what each is answered: 0 or the number of the error. */
async function pipelined(client: RawClient, ...statements: readonly string[]): Promise<number[]> {
  client.received = Buffer.alloc(0);
  client.socket.write(Buffer.concat(statements.map(query)));
  const answers = (): number[] => {
    const all: number[] = [];
    for (let at = 0; at + 4 < client.received.length; at += 4 + client.received.readUIntLE(at, 3)) {
      all.push(client.received[at + 4] === 0 ? 0 : client.received.readUInt16LE(at + 5));
    }
    return all;
  };
  await vi.waitFor(() => expect(answers()).toHaveLength(statements.length), 3_000);
  return answers();
}

test.each([
  ['a statement of it', ['BEGIN', 'INSERT 1', 'INSERT 2', 'INSERT 3', 'COMMIT'], [0, 1158, 1213, 1213, 1213]],
  ['its BEGIN', ['BEGIN /* INSERT 1 */', 'INSERT 2', 'COMMIT'], [1158, 1213, 1213]],
  ['nothing but its COMMIT', ['BEGIN', 'COMMIT /* INSERT 1 */', 'UPDATE t SET a = 2'], [0, 1158, 0]],
  [
    'a statement of it, before ROLLBACK',
    ['BEGIN', 'INSERT 1', 'ROLLBACK', 'UPDATE t SET a = 2'],
    [0, 1158, 0, 0],
  ],
  ['a statement of it, before BEGIN', ['BEGIN', 'INSERT 1', 'BEGIN', 'UPDATE t SET a = 2'], [0, 1158, 0, 0]],
])(
  'of a transaction sent at once nothing runs alone when the connection is lost under %s',
  async (_, sent, told) => {
    const client = await RawClient.loggedIn(front.path);
    front.server.reply = (payload) => {
      if (!payload.toString().includes('INSERT')) return [packets([ok(3)])];
      failOver();
      return ['end'];
    };
    expect(await pipelined(client, ...sent)).toEqual(told);
    expect(seenBy(next, 'INSERT')).toBe(0);
    expect(seenBy(next, 'UPDATE')).toBe(sent.includes('UPDATE t SET a = 2') ? 1 : 0);
    expect((await ask(client, 'UPDATE t SET a = 3'))[0]).toBe(0);
  },
);

test('of a transaction sent at once nothing runs alone when a demoted server refuses a statement', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = refusesInTransaction('INSERT');
  const told = await pipelined(client, 'BEGIN', 'INSERT 1', 'INSERT 2', 'COMMIT', 'UPDATE t SET a = 1');
  expect(told).toEqual([0, 1213, 1213, 1213, 0]);
  expect(seenBy(front.server, 'INSERT')).toBe(1);
});

test('of a transaction that was lost before nothing of what comes at once runs alone', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = () => [packets([ok(3)])];
  await ask(client, 'BEGIN');
  failOver();
  expect(await pipelined(client, 'INSERT 1', 'INSERT 2', 'COMMIT')).toEqual([1213, 1213, 1213]);
  expect(seenBy(next, 'INSERT')).toBe(0);
});

test('COM_RESET_CONNECTION ends a lost transaction', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = () => [packets([ok(3)])];
  await ask(client, 'BEGIN');
  failOver();
  client.received = Buffer.alloc(0);
  client.socket.write(commandPacket(command.resetConnection));
  expect((await client.until(11)).readUInt16LE(7)).toBe(2);
  expect((await ask(client, 'INSERT INTO t VALUES (1)'))[0]).toBe(0);
});

test('what was in flight is not sent again: its outcome is unknown', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = (payload) => (payload.toString().includes('INSERT') ? ['end'] : undefined);
  failOverSoon();
  const error = parseErr(await ask(client, 'INSERT INTO t VALUES (1)'));
  expect(error).toMatchObject({ errno: 1158, sqlState: '08007' });
  expect(error.message).toContain('outcome of the statement is unknown');
  await sleep(100);
  expect(seenBy(next, 'INSERT')).toBe(0);
  expect((await ask(client, 'INSERT INTO t VALUES (2)'))[0]).toBe(0);
  expect(seenBy(next, 'INSERT')).toBe(1);
});

function failOverSoon(): void {
  setTimeout(failOver, 50);
}

test('an answer that breaks off in the middle ends the session', async () => {
  const client = await RawClient.loggedIn(front.path);
  const whole = packets(resultSet(['a', 'b'], true));
  front.server.reply = () => [whole.subarray(0, whole.length - 5), 'end'];
  client.socket.write(query('SELECT 1'));
  await client.until(1_000_000, 1_000);
  expect(client.closed).toBe(true);
});

test('a transaction that was lost between statements is rolled back, and the session goes on', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = () => [packets([ok(3)])];
  await ask(client, 'BEGIN');
  failOver();
  const error = parseErr(await ask(client, 'INSERT INTO t VALUES (1)'));
  expect(error).toMatchObject({ errno: 1213, sqlState: '40001' });
  expect((await ask(client, 'INSERT INTO t VALUES (2)'))[0]).toBe(0);
  expect([seenBy(front.server, 'INSERT'), seenBy(next, 'INSERT')]).toEqual([0, 1]);
});

/** Asks for an answer that comes only after the failover. */
async function answeredLate(client: RawClient, sql: string, answer: Buffer): Promise<void> {
  let late = (): void => undefined;
  front.server.stream = (payload, socket) => {
    if (!payload.toString().includes(sql)) return false;
    late = () => socket.write(answer);
    return true;
  };
  const asked = ask(client, sql);
  await vi.waitFor(() => expect(seenBy(front.server, sql)).toBe(1), 3_000);
  failOver();
  late();
  expect((await asked)[0]).toBe(0);
}

test('behind a late answer nothing more runs on a server that is the primary no longer', async () => {
  const client = await RawClient.loggedIn(front.path);
  await answeredLate(client, 'UPDATE t SET a = 1', packets([ok()]));
  expect((await ask(client, 'SELECT a FROM t'))[0]).toBe(0);
  expect([seenBy(front.server, 'SELECT a'), seenBy(next, 'SELECT a')]).toEqual([0, 1]);
});

test('a transaction that is answered late by a demoted primary is rolled back', async () => {
  const client = await RawClient.loggedIn(front.path);
  await answeredLate(client, 'BEGIN', packets([ok(3)]));
  expect(parseErr(await ask(client, 'SELECT a FROM t'))).toMatchObject({ errno: 1213 });
  expect((await ask(client, 'SELECT a FROM t'))[0]).toBe(0);
  expect([seenBy(front.server, 'SELECT a'), seenBy(next, 'SELECT a')]).toEqual([0, 1]);
});

test('a connection that is made ready during a failover is not used any more', async () => {
  const client = await RawClient.loggedIn(front.path);
  await ask(client, 'UPDATE t SET a = 1');
  await ask(client, "SET time_zone = '+01:00'");
  for (const session of front.router.sessions.values()) {
    const connection = session.connections.in('primary');
    if (connection !== undefined) connection.settings = [];
  }
  let late = (): void => undefined;
  front.server.stream = (payload, socket) => {
    if (!payload.toString().includes('time_zone')) return false;
    late = () => socket.write(packets([ok()]));
    return true;
  };
  const asked = ask(client, 'SELECT a FROM t');
  await vi.waitFor(() => expect(seenBy(front.server, 'time_zone')).toBe(2), 3_000);
  failOver();
  late();
  expect((await asked)[0]).toBe(0);
  expect([seenBy(front.server, 'SELECT a'), seenBy(next, 'SELECT a')]).toEqual([0, 1]);
});

test('state that was lost ends the session, and says so', async () => {
  const client = await RawClient.loggedIn(front.path);
  await ask(client, 'CREATE TEMPORARY TABLE x (a INT)');
  failOver();
  const error = parseErr(await ask(client, 'INSERT INTO x VALUES (1)'));
  expect(error).toMatchObject({ errno: 1927, sqlState: '08S01' });
  await client.until(1_000_000, 1_000);
  expect(client.closed).toBe(true);
  expect(seenBy(next, 'INSERT')).toBe(0);
});

test('a last insert id that was lost is missed only by who asks for it', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = () => [inserted()];
  next.reply = (payload) => (payload.toString().includes('INSERT') ? [inserted()] : undefined);
  await ask(client, 'INSERT INTO t VALUES (1)');
  failOver();
  expect((await ask(client, 'UPDATE t SET a = 1'))[0]).toBe(0);
  const asking = await RawClient.loggedIn(front.path);
  await ask(asking, 'INSERT INTO t VALUES (2)');
  front.topology.set(viewOf(next.port, 3));
  expect((await ask(client, 'INSERT INTO t VALUES (3)'))[0]).toBe(0);
  expect((await ask(client, 'INSERT INTO u VALUES (LAST_INSERT_ID())'))[0]).toBe(0);
  // On a connection that is there already, too.
  await ask(asking, 'UPDATE t SET a = 2');
  const error = parseErr(await ask(asking, 'INSERT INTO lost VALUES (LAST_INSERT_ID())'));
  expect(error).toMatchObject({ errno: 1927, sqlState: '08S01' });
  expect(error.message).toContain('LAST_INSERT_ID()');
  expect(seenBy(next, 'lost')).toBe(0);
});

test('a lost transaction with an insert id can be run again', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = () => [inserted(3)];
  await ask(client, 'BEGIN');
  await ask(client, 'INSERT INTO t VALUES (1)');
  failOver();
  expect(parseErr(await ask(client, 'INSERT INTO t VALUES (2)'))).toMatchObject({ errno: 1213 });
  expect((await ask(client, 'BEGIN'))[0]).toBe(0);
});

test('settings survive the loss of a connection: the next one is given them', async () => {
  const client = await RawClient.loggedIn(front.path);
  await ask(client, "SET SESSION sql_mode = 'ANSI_QUOTES'");
  front.server.reply = (payload) => (payload.toString().includes('INSERT') ? ['end'] : undefined);
  failOverSoon();
  expect(parseErr(await ask(client, 'INSERT INTO t VALUES (1)')).sqlState).toBe('08007');
  await sleep(100);
  expect((await ask(client, 'INSERT INTO t VALUES (2)'))[0]).toBe(0);
  const texts = next.commands.map((payload) => payload.toString());
  const set = texts.findIndex((text) => text.includes('sql_mode'));
  expect(set).toBeGreaterThanOrEqual(0);
  expect(texts.findIndex((text) => text.includes('INSERT'))).toBeGreaterThan(set);
});

test('COMMIT in flight is never repeated', async () => {
  const client = await RawClient.loggedIn(front.path);
  front.server.reply = (payload) => (payload.toString().includes('COMMIT') ? ['end'] : [packets([ok(3)])]);
  await ask(client, 'BEGIN');
  failOverSoon();
  expect(parseErr(await ask(client, 'COMMIT')).sqlState).toBe('08007');
  await sleep(100);
  expect(seenBy(next, 'COMMIT')).toBe(0);
});

test('an older epoch than the one known is not believed', async () => {
  const client = await RawClient.loggedIn(front.path);
  failOver();
  front.topology.set(viewOf(front.server.port, 1));
  await ask(client, 'INSERT INTO t VALUES (1)');
  expect([seenBy(front.server, 'INSERT'), seenBy(next, 'INSERT')]).toEqual([0, 1]);
});
