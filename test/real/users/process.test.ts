import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { disposeServers, type MariadbServer, removeDirectories } from '#test/real/mariadb/server.ts';
import { sleep, waitFor } from '#test/real/mariadb/wait.ts';
import { freePort } from '#test/support/free-ports.ts';
import {
  type Pair,
  place,
  removePlace,
  startApp,
  startPair,
  stopApps,
  stopRouters,
  UsersApp,
} from './fixture.ts';

let pair: Pair;
let primary: MariadbServer;
let environment: Pair['environment'];

beforeAll(async () => {
  pair = await startPair();
  ({ primary, environment } = pair);
});

afterEach(stopApps);

afterAll(async () => {
  await stopRouters();
  await disposeServers();
  removeDirectories();
  removePlace();
});

describe('listening', () => {
  test('on a loopback port, and nowhere else', async () => {
    const port = await freePort();
    const app = await new UsersApp({ ...environment, PORT: String(port) }).listening();
    expect((await app.call('GET', '/health')).status).toBe(200);
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const listening = ['tcp', 'tcp6']
      .flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n'))
      .filter((line) => line.includes(`:${hex} `) && / 0A /.test(line))
      .map((line) => line.trim().split(/\s+/)[1]);
    expect(listening).toEqual([`0100007F:${hex}`]);
    const second = new UsersApp({ ...environment, PORT: String(port) });
    expect(await second.exitCode()).toBe(1);
    expect(second.output).toContain(`cannot listen on 127.0.0.1:${port} (EADDRINUSE)`);
  });

  test('on a socket for owner and group; a stale one is replaced', async () => {
    const PORT = place('own.sock');
    const killed = await startApp({ ...environment, PORT });
    expect(statSync(PORT).mode & 0o777).toBe(0o660);
    await killed.kill();
    expect(existsSync(PORT)).toBe(true);
    const app = await startApp({ ...environment, PORT });
    expect((await app.call('GET', '/health')).status).toBe(200);
  });

  test('never takes the socket of a living process, nor another file', async () => {
    const PORT = place('taken.sock');
    const first = await startApp({ ...environment, PORT });
    const second = new UsersApp({ ...environment, PORT });
    expect(await second.exitCode()).toBe(1);
    expect(second.output).toContain('another process does');
    expect((await first.call('GET', '/health')).status).toBe(200);

    const file = place('notes.txt');
    writeFileSync(file, 'precious');
    const third = new UsersApp({ ...environment, PORT: file });
    expect(await third.exitCode()).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });
});

describe('the environment', () => {
  test('all that is wrong is said at once, without secrets; exit 2', async () => {
    const app = new UsersApp({
      PORT: 'http',
      TANDEM_HOST: 'web 1',
      DATABASE_POOL: '0',
      DATABASE_URL: 'mysql://app:hunter2@db@1/test',
    });
    expect(await app.exitCode()).toBe(2);
    for (const name of ['PORT', 'TANDEM_HOST', 'DATABASE_POOL', 'DATABASE_URL']) {
      expect(app.output).toContain(`users: ${name}: `);
    }
    expect(app.output).not.toContain('hunter2');
  });
});

describe('the end', () => {
  const user = (name: string) => ({ name, email: `${name}@example.org` });

  test('SIGTERM at rest: gone at once, exit 0, no socket and no database connection left', async () => {
    const PORT = place('rest.sock');
    const app = await startApp({ ...environment, PORT });
    await app.call('GET', '/api/users');
    // A client that keeps its connection open does not hold it up.
    const idle = request({ socketPath: PORT, path: '/health', headers: { connection: 'keep-alive' } });
    idle.on('error', () => {}).end();
    await new Promise((done) => idle.once('response', (response) => response.resume().once('end', done)));
    const startedAt = performance.now();
    app.signal('SIGTERM');
    expect(await app.exitCode()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(existsSync(PORT)).toBe(false);
    expect(app.output).toContain('stopped by SIGTERM\n');
    await waitFor('no connection', async () => {
      return JSON.parse(await pair.router.ask('GET', '/status')).sessions === 0;
    });
  });

  test('SIGTERM lets a running write finish and takes no new one', async () => {
    const app = await startApp(environment);
    await primary.run('LOCK TABLES users WRITE');
    const running = app.post(user('running'));
    await waitFor('the write', async () => {
      return (
        (await primary.value(
          `SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT%'`,
        )) === '1'
      );
    });
    app.signal('SIGTERM');
    app.signal('SIGTERM');
    await sleep(300);
    await expect(app.post(user('late'))).rejects.toThrow();
    await primary.run('UNLOCK TABLES');
    const answer = await running;
    expect([answer.status, answer.headers['connection']]).toEqual([201, 'close']);
    expect(await app.exitCode()).toBe(0);
  });

  test('SIGTERM cuts what runs for more than five seconds; exit 0', async () => {
    const app = await startApp({ ...environment });
    // One slow request after the other's time limit: the body never comes.
    const slow = request({
      ...app.address,
      method: 'POST',
      path: '/api/users',
      headers: { 'content-type': 'application/json', 'content-length': 10 },
    });
    const cut = new Promise((done) => slow.once('error', done));
    slow.write('{');
    await sleep(100);
    const startedAt = performance.now();
    app.signal('SIGTERM');
    expect(await app.exitCode()).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThan(4_900);
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    await cut;
    expect(app.output).toContain('were cut');
  });

  test.for([
    ['an error', 'throw new Error("boom")'],
    ['a rejection', 'Promise.reject(new Error("boom"))'],
  ])('%s that nobody handles ends the process with 70', async ([, code]) => {
    const script = encodeURIComponent(`setTimeout(() => { ${code} }, 400)`);
    const app = new UsersApp({ ...environment, PORT: place('crash.sock') }, [
      '--import',
      `data:text/javascript,${script}`,
    ]);
    expect(await app.exitCode()).toBe(70);
    expect(app.output).toContain('boom');
  });
});

test('memory of a process at rest', async () => {
  const app = await startApp(environment, ['--max-old-space-size=64']);
  for (let count = 0; count < 20; count += 1) await app.call('GET', '/api/users');
  const rollup = readFileSync(`/proc/${app.pid}/smaps_rollup`, 'utf8');
  const mebibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024;
  console.log(
    `at rest: resident ${mebibytes('Rss').toFixed(1)} MiB, proportional ${mebibytes('Pss').toFixed(1)} MiB`,
  );
  expect(mebibytes('Rss')).toBeLessThan(120);
});
