import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { caughtUp } from '#test/real/mariadb/replication.ts';
import { disposeServers, type MariadbServer, removeDirectories } from '#test/real/mariadb/server.ts';
import {
  type Answer,
  host,
  type Pair,
  removePlace,
  startApp,
  startPair,
  stopApps,
  stopRouters,
  type UsersApp,
} from './fixture.ts';

let pair: Pair;
let app: UsersApp;

beforeAll(async () => {
  pair = await startPair();
  app = await startApp(pair.environment);
});

afterAll(async () => {
  await stopApps();
  await stopRouters();
  await disposeServers();
  removeDirectories();
  removePlace();
});

beforeEach(async () => {
  await pair.primary.run('DELETE FROM test.users');
  await caughtUp(pair.replica, pair.primary);
});

const ada = { name: 'Ada Lovelace', email: 'ada@example.org' };

function expectProblem(answer: Answer, status: number): void {
  expect(answer.status, answer.text).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.headers['x-tandem-host']).toBe(host);
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.json).toMatchObject({ status, type: expect.any(String), title: expect.any(String) });
}

describe('users', () => {
  test('are listed, added, found and removed', async () => {
    const empty = await app.call('GET', '/api/users');
    expect(empty.status).toBe(200);
    expect(empty.json).toEqual({ users: [], answeredBy: hostname(), next: null });
    expect(empty.headers).toMatchObject({ 'x-tandem-host': host, 'cache-control': 'no-store' });

    const added = await app.post(ada);
    expect(added.status).toBe(201);
    expect(added.json).toMatchObject({ ...ada, writtenTo: hostname() });
    expect(added.json.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Math.abs(Date.parse(added.json.createdAt) - Date.now())).toBeLessThan(10_000);
    expect(added.headers['location']).toBe(`/api/users/${added.json.id}`);
    expect(added.headers['x-tandem-written-to']).toBe(hostname());

    const { writtenTo: _, ...user } = added.json;
    expect((await app.call('GET', '/api/users')).json.users).toEqual([user]);
    expect((await app.call('GET', `/api/users/${user.id}`)).json).toEqual(user);

    const removed = await app.call('DELETE', `/api/users/${user.id}`);
    expect([removed.status, removed.text]).toEqual([204, '']);
    expect(removed.headers['x-tandem-written-to']).toBe(hostname());
    expectProblem(await app.call('DELETE', `/api/users/${user.id}`), 404);
    expect((await app.call('GET', '/api/users')).json.users).toEqual([]);
    expectProblem(await app.call('GET', `/api/users/${user.id}`), 404);
  });

  test('keep every script, and hostile text stays text', async () => {
    const name = `Ñandú 山田 🦊 '"; DROP TABLE users; -- <script>`;
    const added = await app.post({ name, email: "O'Brien+x@EXAMPLE.org" });
    expect(added.json).toMatchObject({ name, email: "o'brien+x@example.org" });
    expect(await pair.primary.value('SELECT name FROM users')).toBe(name);
  });

  test('come in pages, newest first', async () => {
    await pair.primary.run(
      `INSERT INTO users (name, email) SELECT CONCAT('n', seq), CONCAT('u', seq, '@example.org') FROM seq_1_to_250`,
    );
    await caughtUp(pair.replica, pair.primary);
    const emails: string[] = [];
    let path: string | null = '/api/users';
    let pages = 0;
    for (; path !== null; pages += 1) {
      const { json }: Answer = await app.call('GET', path);
      emails.push(...json.users.map(({ email }: { email: string }) => email));
      path = json.next;
    }
    expect(pages).toBe(3);
    expect(emails).toEqual(Array.from({ length: 250 }, (_, index) => `u${250 - index}@example.org`));
    expect((await app.call('GET', '/api/users?limit=1000')).json.users).toHaveLength(250);
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'before=', 'before=-1']) {
      expectProblem(await app.call('GET', `/api/users?${query}`), 400);
    }
  });

  test('HEAD says what GET says, without a body; conditions without validators', async () => {
    const head = await app.call('HEAD', '/api/users');
    expect([head.status, head.text, head.headers['x-tandem-host']]).toEqual([200, '', host]);
    expect((await app.call('GET', '/api/users', { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
    const added = await app.post(ada);
    expectProblem(
      await app.call('DELETE', `/api/users/${added.json.id}`, { headers: { 'if-match': '"x"' } }),
      412,
    );
    const any = await app.call('DELETE', `/api/users/${added.json.id}`, { headers: { 'if-match': '*' } });
    expect(any.status).toBe(204);
  });
});

describe('errors', () => {
  const json = { 'content-type': 'application/json' };

  test('422 names each field', async () => {
    const answer = await app.post({ name: ' ', email: 'nobody', age: 3 });
    expectProblem(answer, 422);
    expect(answer.json.type).toBe('/problems/invalid-user');
    expect(answer.json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '#/age',
      '#/name',
      '#/email',
    ]);
    expectProblem(await app.post([]), 422);
    expectProblem(await app.post(null), 422);
  });

  test('400 for what is not JSON in UTF-8', async () => {
    for (const body of ['', '{', Buffer.from([0x22, 0xff, 0x22])]) {
      expectProblem(await app.call('POST', '/api/users', { headers: json, body }), 400);
    }
  });

  test('409 for a taken address, in any case', async () => {
    expect((await app.post(ada)).status).toBe(201);
    const answer = await app.post({ name: 'Another', email: 'ADA@Example.org' });
    expectProblem(answer, 409);
    expect(answer.json.errors).toEqual([{ pointer: '#/email', detail: 'belongs to another user' }]);
    expect((await app.post({ name: 'José', email: 'jose@example.org' })).status).toBe(201);
    expect((await app.post({ name: 'José', email: 'josé@example.org' })).status).toBe(201);
  });

  test('415 for other content', async () => {
    const body = JSON.stringify(ada);
    for (const headers of [
      {},
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/json; charset=latin1' },
      { ...json, 'content-encoding': 'gzip' },
    ]) {
      expectProblem(await app.call('POST', '/api/users', { headers, body }), 415);
    }
    const utf8 = { 'content-type': 'Application/JSON; charset="UTF-8"' };
    expect((await app.call('POST', '/api/users', { headers: utf8, body })).status).toBe(201);
  });

  test('413 for a large body, announced or not', async () => {
    const body = JSON.stringify({ ...ada, name: 'x'.repeat(16 * 1024) });
    expectProblem(await app.call('POST', '/api/users', { headers: json, body }), 413);
    const chunked = { ...json, 'transfer-encoding': 'chunked' };
    expectProblem(await app.call('POST', '/api/users', { headers: chunked, body }), 413);
    expect((await app.call('GET', '/health')).status).toBe(200);
  });

  test('405 with Allow, 404', async () => {
    const allowed = {
      '/api/users': 'GET, HEAD, POST',
      '/api/users/1': 'GET, HEAD, DELETE',
      '/health': 'GET, HEAD',
    };
    for (const [path, allow] of Object.entries(allowed)) {
      const answer = await app.call('PUT', path);
      expectProblem(answer, 405);
      expect(answer.headers['allow']).toBe(allow);
    }
    for (const path of [
      '/',
      '/api',
      '/api/users/',
      '/api/users/0',
      '/api/users/01',
      '/api/users/x',
      '/api/users/9'.repeat(9),
    ]) {
      expectProblem(await app.call('GET', path), 404);
    }
    expectProblem(await app.call('DELETE', '/api/users/99999999999999999999'), 404);
    expectProblem(await app.call('DELETE', '/api/users/9007199254740993'), 404);
  });

  test('bytes that are no request get a problem that names the host too', async () => {
    const { address } = app;
    const raw = async (text: string) => {
      const socket = connect('socketPath' in address ? { path: address.socketPath } : address);
      socket.write(text);
      let answer = '';
      for await (const part of socket.setEncoding('utf8')) answer += part;
      return answer;
    };
    const garbage = await raw('GARBAGE\r\n\r\n');
    expect(garbage).toContain('HTTP/1.1 400 ');
    expect(garbage).toContain(`x-tandem-host: ${host}`);
    expect(await raw(`GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)).toContain(
      'HTTP/1.1 431 ',
    );
    const badHost = await raw('GET /health HTTP/1.1\r\nhost: a/b\r\nconnection: close\r\n\r\n');
    expect(badHost).toContain(`x-tandem-host: ${host}`);
  });

  test('a client that goes away in the middle of its body harms nobody', async () => {
    const sent = request({
      ...app.address,
      method: 'POST',
      path: '/api/users',
      headers: { ...json, 'content-length': 99 },
    });
    sent.on('error', () => {});
    sent.write('{"name"');
    await once(sent, 'socket');
    await new Promise((done) => setTimeout(done, 50));
    sent.destroy();
    expect((await app.call('GET', '/health')).status).toBe(200);
    expect(app.output).not.toContain('bug');
  });
});

describe('reads', () => {
  const executed = async (server: MariadbServer) => Number(await server.status('Com_stmt_execute'));

  test("are the replica's, with its name", async () => {
    expect((await app.post(ada)).status).toBe(201);
    await caughtUp(pair.replica, pair.primary);
    const [before, primaryBefore] = [await executed(pair.replica), await executed(pair.primary)];
    for (let count = 0; count < 20; count += 1) expect(await app.emails()).toEqual([ada.email]);
    expect((await executed(pair.replica)) - before).toBeGreaterThanOrEqual(18);
    expect((await executed(pair.primary)) - primaryBefore).toBeLessThanOrEqual(2);
  });

  test('see what was written although the replica stands still', async () => {
    expect((await app.post(ada)).status).toBe(201);
    await caughtUp(pair.replica, pair.primary);
    await pair.replica.run('STOP SLAVE SQL_THREAD');
    try {
      await app.post({ name: 'Grace Hopper', email: 'grace@example.org' });
      for (let count = 0; count < 10; count += 1)
        expect(await app.emails()).toEqual(['grace@example.org', ada.email]);
    } finally {
      await pair.replica.run('START SLAVE SQL_THREAD');
    }
  });
});

describe('health', () => {
  /** Statements that the router was given. */
  const reads = async () =>
    [
      ...(await pair.router.ask('GET', '/metrics')).matchAll(
        /^tandem_router_statements_total\{.*class="read".*\} (\d+)/gm,
      ),
    ]
      .map(([, count]) => Number(count))
      .reduce((sum, count) => sum + count, 0);

  test('asks the database at most twice a second', async () => {
    expect((await app.call('GET', '/health')).json).toEqual({ ok: true });
    const before = await reads();
    const startedAt = performance.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => app.call('GET', '/health')));
    const most = 1 + Math.ceil((performance.now() - startedAt) / 500);
    expect(answers.every(({ status, headers }) => status === 200 && headers['x-tandem-host'] === host)).toBe(
      true,
    );
    expect(before).toBeGreaterThan(0);
    expect((await reads()) - before).toBeLessThanOrEqual(most);
    expect((await app.call('HEAD', '/health')).status).toBe(200);
  });
});

test('memory after all that', () => {
  const status = readFileSync(`/proc/${app.pid}/status`, 'utf8');
  const residentKib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  console.log(`resident: ${Math.round(residentKib / 1024)} MiB`);
  expect(residentKib).toBeLessThan(160 * 1024);
});
