import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { caughtUp, ioRunning } from '#test/real/mariadb/replication.ts';
import { disposeServers, type MariadbServer, removeDirectories } from '#test/real/mariadb/server.ts';
import { sleep, waitFor } from '#test/real/mariadb/wait.ts';
import {
  type Answer,
  host,
  type Pair,
  promote,
  removePlace,
  startAgain,
  startApp,
  startPair,
  stopApps,
  stopRouters,
  type UsersApp,
  urlOf,
} from './fixture.ts';

afterEach(async () => {
  await stopApps();
  await stopRouters();
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
  expect(answer.json.detail).toMatch(/^[A-Z].+\.$/);
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

/** Waits until a statement of the application that starts with `verb` hangs at `server`; its connection. */
async function hanging(server: MariadbServer, verb: string): Promise<number> {
  return await waitFor(`a hanging ${verb}`, async () => {
    const sql = `SELECT id FROM information_schema.processlist WHERE user = 'app' AND info LIKE '${verb}%'`;
    return Number(await server.value(sql));
  });
}

async function count(server: MariadbServer, email: string): Promise<number> {
  return Number(await server.value(`SELECT COUNT(*) FROM test.users WHERE email = '${email}'`));
}

describe('with a primary and a replica', () => {
  let pair: Pair;
  let app: UsersApp;

  async function start(config: Parameters<typeof startPair>[0] = {}): Promise<void> {
    pair = await startPair(config);
    app = await startApp(pair.environment);
    expect((await app.post(ada)).status).toBe(201);
    await caughtUp(pair.replica, pair.primary);
  }

  test('the replica dies: no read fails, and it is used again when it is back', async () => {
    await start();
    const reads: Promise<Answer>[] = [];
    for (let read = 0; read < 60; read += 1) {
      if (read === 20) await pair.replica.kill();
      reads.push(app.call('GET', '/api/users'), app.call('GET', '/health'));
      await sleep(5);
    }
    expect((await Promise.all(reads)).map(({ status }) => status)).toEqual(reads.map(() => 200));
    await pair.replica.start();
    await pair.replica.run('START SLAVE');
    await ioRunning(pair.replica);
    await waitFor('reads at the replica', async () => {
      const before = Number(await pair.replica.status('Com_stmt_execute'));
      await app.emails();
      return Number(await pair.replica.status('Com_stmt_execute')) > before;
    });
  });

  test('the replica freezes: reads that it was asked are asked again, and the primary answers', async () => {
    await start();
    expect(await app.emails()).toEqual([ada.email]);
    pair.replica.freeze();
    const [emails, firstMs] = await timed(app.emails());
    expect(emails).toEqual([ada.email]);
    expect(firstMs).toBeLessThan(8_000);
    expect((await app.call('GET', '/health')).status).toBe(200);
    const [again, tookMs] = await timed(app.emails());
    expect([again, tookMs < 1_000]).toEqual([[ada.email], true]);
  });

  test('the primary dies and the replica is promoted: what comes meanwhile waits, and happens once', async () => {
    await start();
    await pair.primary.kill();
    const writes = [app.post(grace), app.call('DELETE', '/api/users/1')];
    const read = app.call('GET', '/api/users');
    await sleep(600);
    expect((await app.call('GET', '/health')).status).toBe(200);
    await promote(pair);
    const answers = await Promise.all(writes);
    expect(answers.map(({ status }) => status)).toEqual([201, 204]);
    expect((await read).status).toBe(200);
    expect(await app.emails()).toEqual([grace.email]);
    expect(await count(pair.replica, grace.email)).toBe(1);
  });

  test('no primary for longer than the router waits: nothing was executed, and the client is told so', async () => {
    await start({ bufferTimeoutMs: 500 });
    await pair.primary.kill();
    // The pool may notice the death after the write was sent; then the honest answer is another one.
    await sleep(50);
    expectUnavailable(await app.post(grace), 'database-away');
    expectUnavailable(await app.call('DELETE', '/api/users/1'), 'database-away');
    expect((await app.call('GET', '/health')).status).toBe(200);
    await pair.primary.start();
    expect((await app.post(grace)).status).toBe(201);
  });

  test('both die: 503 for everything, health within a second, and all is well when they are back', async () => {
    await start({ bufferTimeoutMs: 500 });
    await Promise.all([pair.primary.kill(), pair.replica.kill()]);
    await sleep(550);
    expectUnavailable(await app.call('GET', '/api/users'), 'database-away');
    const health = await waitFor('bad health', async () => {
      const [answer, tookMs] = await timed(app.call('GET', '/health'));
      expect(tookMs).toBeLessThan(1_500);
      return answer.status === 503 ? answer : undefined;
    });
    expectUnavailable(health, 'database-away');
    await pair.primary.start();
    await pair.replica.start();
    await waitFor('health', async () => (await app.call('GET', '/health')).status === 200);
    expect(await app.emails()).toEqual([ada.email]);
    expect((await app.post(grace)).status).toBe(201);
    expect(app.output).not.toContain('bug');
    expect(app.output.split('\n').length, app.output).toBeLessThan(12);
  });

  test('no member takes writes: the server itself says so in the end', async () => {
    await start({ bufferTimeoutMs: 500 });
    await pair.primary.run('SET GLOBAL read_only = 1');
    expectUnavailable(await app.post(grace), 'read-only');
    expectUnavailable(await app.call('DELETE', '/api/users/1'), 'read-only');
    expect(await app.emails()).toEqual([ada.email]);
    await pair.primary.run('SET GLOBAL read_only = 0');
    expect((await app.post(grace)).status).toBe(201);
  });

  test.for([
    ['the server is killed', async ({ primary }: Pair) => primary.kill()],
    ['its connection is killed', async ({ primary }: Pair, id: number) => primary.run(`KILL ${id}`)],
    ['the router is killed', async ({ router }: Pair) => router.kill()],
  ] as const)(
    'a write is running and %s: the outcome is unknown, and it is not sent again',
    async ([, fail]) => {
      await start();
      await pair.primary.run('LOCK TABLES test.users WRITE');
      const posted = app.post(grace);
      await fail(pair, await hanging(pair.primary, 'INSERT'));
      const answer = await posted;
      expectUnavailable(answer, 'outcome-unknown');
      expect(answer.headers['x-tandem-written-to']).toBeUndefined();
      if (!pair.primary.running) return;
      await pair.primary.run('UNLOCK TABLES');
      await sleep(300);
      expect(await count(pair.primary, grace.email)).toBeLessThan(2);
    },
  );

  test('a frozen primary: a write has no answer in time, and its outcome is unknown', async () => {
    await start();
    pair.primary.freeze();
    const [answer, tookMs] = await timed(app.post(grace));
    expectUnavailable(answer, 'outcome-unknown');
    expect(tookMs).toBeLessThan(11_500);
    pair.primary.thaw();
    await waitFor(
      'writes',
      async () => (await app.post({ ...ada, email: 'next@example.org' })).status === 201,
    );
    expect(await count(pair.primary, grace.email)).toBeLessThan(2);
  });

  test('a read is running and its connection dies: it is repeated', async () => {
    await start();
    // A metadata lock that replication does not need: reads wait, nobody else does.
    await pair.replica.run('LOCK TABLES test.users WRITE');
    const reading = app.emails();
    await pair.replica.run(`KILL ${await hanging(pair.replica, '/* tandem')}`);
    await sleep(50);
    await pair.replica.run('UNLOCK TABLES');
    expect(await reading).toEqual([ada.email]);
    expect(app.output).not.toContain('does not answer');
  });

  test('the router is away: 503 at once for everything, and all is well with the next one', async () => {
    await start();
    await pair.router.kill();
    await sleep(550);
    const [read, tookMs] = await timed(app.call('GET', '/api/users'));
    expectUnavailable(read, 'database-away');
    expect(tookMs).toBeLessThan(1_000);
    expectUnavailable(await app.post(grace), 'database-away');
    expectUnavailable(await app.call('GET', '/health'), 'database-away');
    await startAgain(pair.router);
    expect((await app.post(grace)).status).toBe(201);
    await waitFor('health', async () => (await app.call('GET', '/health')).status === 200);
    expect(app.output).toContain(`database ${pair.router.socketPath} does not answer`);
    expect(app.output).toContain('answers again');
  });

  test('a deadlock or a lock that is not given: nothing was written, and the client is told so', async () => {
    await start();
    await pair.primary.run(
      'SET GLOBAL innodb_lock_wait_timeout = 1',
      `BEGIN`,
      `SELECT * FROM test.users FOR UPDATE`,
    );
    // Sessions that were there before keep the old limit.
    await pair.router.kill();
    await startAgain(pair.router);
    expectUnavailable(await app.call('DELETE', '/api/users/1'), 'database-busy');
    await pair.primary.run('ROLLBACK');
    expect((await app.call('DELETE', '/api/users/1')).status).toBe(204);
  });
});

describe('a healthy database that is no help', () => {
  let pair: Pair;

  beforeEach(async () => {
    pair = await startPair();
  });

  test('the schema is missing: 500 without details, and the log has them', async () => {
    const app = await startApp(pair.environment);
    await pair.primary.run('DROP TABLE test.users');
    const answer = await app.call('GET', '/api/users');
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('test.users');
    expect(app.output).toContain("Table 'test.users' doesn't exist");
  });

  test('a wrong password: 503, and it is not in the log', async () => {
    const wrong = await startApp({ DATABASE_URL: urlOf(pair.router, 'not-the-password') });
    expectUnavailable(await wrong.call('GET', '/api/users'), 'database-away');
    expect(wrong.output).toContain('ER_ACCESS_DENIED_ERROR');
    expect(wrong.output).not.toContain('not-the-password');
  });
});
