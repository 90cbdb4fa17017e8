import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { caughtUp, ioRunning } from '#test/real/mariadb/replication.ts';
import { disposeServers, type MariadbServer, removeDirectories } from '#test/real/mariadb/server.ts';
import { sleep, waitFor } from '#test/real/mariadb/wait.ts';
import {
  type Answer,
  authority,
  host,
  type Pair,
  password,
  removePlace,
  startApp,
  startPair,
  startPrimary,
  stopApps,
  type UsersApp,
  urlOf,
  urlsOf,
} from './fixture.ts';

afterEach(async () => {
  await stopApps();
  await disposeServers();
});

afterAll(() => {
  removeDirectories();
  removePlace();
});

const ada = { name: 'Ada Lovelace', email: 'ada@example.org' };
const grace = { name: 'Grace Hopper', email: 'grace@example.org' };

function expectUnavailable(answer: Answer, type: string): void {
  expect(answer.status, answer.text).toBe(503);
  expect(answer.json.type).toBe(`/problems/${type}`);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/problem+json',
    'retry-after': '1',
    'x-tandem-host': host,
  });
}

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const startedAt = performance.now();
  return [await work, performance.now() - startedAt];
}

/** Connections of the application at `server`. */
async function connectionIds(server: MariadbServer): Promise<number[]> {
  const rows = await server.rows(
    `SELECT id FROM information_schema.processlist WHERE user = 'app' ORDER BY id`,
  );
  return rows.map((row) => Number(row['id']));
}

/** Waits until a statement of the application that starts with `verb` hangs at `server`; its connection. */
async function hanging(server: MariadbServer, verb: string): Promise<number> {
  return await waitFor(`a hanging ${verb}`, async () => {
    const sql = `SELECT id FROM information_schema.processlist WHERE user = 'app' AND info LIKE '${verb}%'`;
    return Number(await server.value(sql));
  });
}

describe('with a primary and a replica', () => {
  let pair: Pair;
  let app: UsersApp;

  beforeEach(async () => {
    pair = await startPair();
    app = await startApp(urlsOf(pair));
    expect((await app.post(ada)).status).toBe(201);
    await caughtUp(pair.replica, pair.primary);
  });

  test('the replica dies: no read fails, and it is used again when it is back', async () => {
    expect(await app.emails()).toEqual([ada.email]);
    const reads: Promise<Answer>[] = [];
    for (let count = 0; count < 60; count += 1) {
      if (count === 20) await pair.replica.kill();
      reads.push(app.call('GET', '/api/users'), app.call('GET', '/health'));
      await sleep(5);
    }
    expect((await Promise.all(reads)).map(({ status }) => status)).toEqual(reads.map(() => 200));
    expect(app.output).toContain(`database 127.0.0.1:${pair.replica.port} does not answer`);
    await pair.replica.start();
    await waitFor('reads at the replica', () => app.output.includes('answers again'));
    const before = Number(await pair.replica.status('Com_stmt_execute'));
    expect(await app.emails()).toEqual([ada.email]);
    expect(Number(await pair.replica.status('Com_stmt_execute'))).toBeGreaterThan(before);
  });

  test('the replica freezes: health finds out within a second, and reads go to the primary', async () => {
    await app.emails();
    pair.replica.freeze();
    await sleep(550);
    const [health, healthMs] = await timed(app.call('GET', '/health'));
    expect(health.status).toBe(200);
    expect(healthMs).toBeLessThan(1_100);
    const [emails, readMs] = await timed(app.emails());
    expect(emails).toEqual([ada.email]);
    expect(readMs).toBeLessThan(200);
    pair.replica.thaw();
    await waitFor('reads at the replica', () => app.output.includes('answers again'));
  });

  test('a read that met the frozen replica first is repeated at the primary', async () => {
    await app.emails();
    pair.replica.freeze();
    const [emails, tookMs] = await timed(app.emails());
    expect(emails).toEqual([ada.email]);
    expect(tookMs).toBeLessThan(6_000);
  });

  test('the primary dies: reads go on, writes say that nothing happened, and work when it is back', async () => {
    await pair.primary.kill();
    // The pool may notice the death after the write was sent; then the honest answer is another one.
    await sleep(50);
    expect(await app.emails()).toEqual([ada.email]);
    expect((await app.call('GET', '/health')).status).toBe(200);
    expectUnavailable(await app.post(grace), 'database-away');
    expectUnavailable(await app.call('DELETE', '/api/users/1'), 'database-away');
    await pair.primary.start();
    expect((await app.post(grace)).status).toBe(201);
  });

  test('both die: 503 for everything, and all is well when they are back', async () => {
    await Promise.all([pair.primary.kill(), pair.replica.kill()]);
    await sleep(550);
    expectUnavailable(await app.call('GET', '/api/users'), 'database-away');
    const [health, healthMs] = await timed(app.call('GET', '/health'));
    expectUnavailable(health, 'database-away');
    expect(healthMs).toBeLessThan(1_100);
    await pair.primary.start();
    await pair.replica.start();
    await waitFor('health', async () => (await app.call('GET', '/health')).status === 200);
    expect(await app.emails()).toEqual([ada.email]);
    await pair.replica.run('START SLAVE');
    await ioRunning(pair.replica);
    expect((await app.post(grace)).status).toBe(201);
    expect(app.output).not.toContain('bug');
    expect(app.output.split('\n').length, app.output).toBeLessThan(12);
  });

  test('both freeze: health says so within a second', async () => {
    await app.emails();
    pair.primary.freeze();
    pair.replica.freeze();
    await sleep(550);
    const [health, healthMs] = await timed(app.call('GET', '/health'));
    expectUnavailable(health, 'database-away');
    expect(healthMs).toBeLessThan(1_150);
  });

  test('a server that turns read-only refuses the write and loses the connection', async () => {
    await pair.primary.run('SET GLOBAL read_only = 1');
    const before = await connectionIds(pair.primary);
    expectUnavailable(await app.post(grace), 'read-only');
    expectUnavailable(await app.call('DELETE', '/api/users/1'), 'read-only');
    await pair.primary.run('SET GLOBAL read_only = 0');
    expect((await app.post(grace)).status).toBe(201);
    const after = await connectionIds(pair.primary);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
  });

  test.for([
    ['the server is killed', (server: MariadbServer, _id: number) => server.kill()],
    ['the server is frozen', async (server: MariadbServer, _id: number) => server.freeze()],
    ['its connection is killed', (server: MariadbServer, id: number) => server.run(`KILL ${id}`)],
  ] as const)(
    'a write is running and %s: the outcome is unknown, and it is not sent again',
    async ([, fail]) => {
      await pair.primary.run('LOCK TABLES test.users WRITE');
      const posted = timed(app.post(grace));
      await fail(pair.primary, await hanging(pair.primary, 'INSERT'));
      const [answer, tookMs] = await posted;
      expectUnavailable(answer, 'outcome-unknown');
      expect(answer.headers['x-tandem-position']).toBeUndefined();
      expect(tookMs).toBeLessThan(5_500);
      if (!pair.primary.running) return;
      pair.primary.thaw();
      await pair.primary.run('UNLOCK TABLES');
      await sleep(300);
      expect(
        Number(await pair.primary.value(`SELECT COUNT(*) FROM users WHERE email = '${grace.email}'`)),
      ).toBeLessThan(2);
      expect((await app.post({ name: 'Next', email: 'next@example.org' })).status).toBe(201);
    },
  );

  test('a read is running and its connection dies: it is repeated', async () => {
    // A metadata lock that replication does not need: reads wait, nobody else does.
    await pair.replica.run('LOCK TABLES test.users WRITE');
    const reading = app.emails();
    await pair.replica.run(`KILL ${await hanging(pair.replica, 'SELECT @@hostname')}`);
    expect(await reading).toEqual([ada.email]);
    await pair.replica.run('UNLOCK TABLES');
    expect(app.output).not.toContain('does not answer');
  });

  test('a deadlock or a lock that is not given: nothing was written, and the client is told so', async () => {
    await pair.primary.run(
      'SET GLOBAL innodb_lock_wait_timeout = 1',
      `BEGIN`,
      `SELECT * FROM test.users FOR UPDATE`,
    );
    await app.kill();
    app = await startApp(urlsOf(pair));
    expectUnavailable(await app.call('DELETE', '/api/users/1'), 'database-busy');
    await pair.primary.run('ROLLBACK');
    expect((await app.call('DELETE', '/api/users/1')).status).toBe(204);
  });
});

test('the schema is missing: 500 without details, and the log has them', async () => {
  const { caFile, issue } = authority('plain');
  const primary = await startPrimary(issue('plain-member', 'IP:127.0.0.1'));
  const app = await startApp({ DATABASE_URL: urlOf([primary], caFile) });
  await primary.run('DROP TABLE test.users');
  const answer = await app.call('GET', '/api/users');
  expect(answer.status).toBe(500);
  expect(answer.text).not.toContain('test.users');
  expect(app.output).toContain("Table 'test.users' doesn't exist");
});

describe('several hosts to read from', () => {
  test('are tried in order, down to the one that takes writes', async () => {
    const pair = await startPair();
    const { caFile } = pair;
    const url = urlOf([pair.primary], caFile);
    const [before, after] = url.split(`127.0.0.1:${pair.primary.port}`);
    const app = await startApp({
      DATABASE_URL: url,
      DATABASE_READ_URL: `${before}127.0.0.1:1,127.0.0.1:${pair.replica.port}${after}`,
    });
    expect((await app.call('GET', '/api/users')).status).toBe(200);
    expect(app.output).toContain('database 127.0.0.1:1 does not answer (connect ECONNREFUSED');
    await pair.replica.kill();
    expect((await app.call('GET', '/api/users')).status).toBe(200);
    expect((await app.post(ada)).json).toMatchObject(ada);
    expect(await app.emails()).toEqual([ada.email]);
  });
});

describe('TLS', () => {
  /** What the application makes of a server with this certificate. */
  async function healthWith(names: string, at: string, trust?: string): Promise<[number, string]> {
    const { caFile, issue } = authority('tls');
    const primary = await startPrimary(issue('tls-member', names));
    const app = await startApp({ DATABASE_URL: urlOf([primary], trust ?? caFile, at) });
    const { status } = await app.call('GET', '/health');
    expect(app.output).not.toContain(password);
    expect(app.output).not.toContain(encodeURIComponent(password));
    return [status, app.output];
  }

  test('the right name and the right address are accepted', async () => {
    expect((await healthWith('DNS:localhost', 'localhost'))[0]).toBe(200);
    expect((await healthWith('IP:127.0.0.1', '127.0.0.1'))[0]).toBe(200);
  });

  test("another host's certificate is refused, also when it is good for localhost", async () => {
    const [byAddress, log] = await healthWith('DNS:localhost,IP:192.0.2.7', '127.0.0.1');
    expect([byAddress, log]).toEqual([503, expect.stringMatching(/IP: 127\.0\.0\.1 is not in the cert/)]);
    expect((await healthWith('DNS:server-2,IP:127.0.0.1', 'localhost'))[0]).toBe(503);
  });

  test('a certificate of another authority is refused', async () => {
    const { caFile } = authority('stranger');
    expect((await healthWith('IP:127.0.0.1', '127.0.0.1', caFile))[0]).toBe(503);
  });

  test('an account that must use TLS is refused without, and so is a wrong password', async () => {
    const { caFile, issue } = authority('must');
    const primary = await startPrimary(issue('must-member', 'IP:127.0.0.1'));
    const url = urlOf([primary], caFile);
    const plain = await startApp({ DATABASE_URL: url.replace(/\?.*/, '') });
    expectUnavailable(await plain.call('GET', '/api/users'), 'database-away');
    const wrong = await startApp({ DATABASE_URL: url.replace(/app:[^@]*/, 'app:not-the-password') });
    expectUnavailable(await wrong.call('GET', '/api/users'), 'database-away');
    expect(wrong.output).toContain('ER_ACCESS_DENIED_ERROR');
    expect(wrong.output).not.toContain('not-the-password');
  });
});
