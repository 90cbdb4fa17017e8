/** What must not work against a dashboard, tried for real. Each check rejects when something was let through. */
import assert from 'node:assert/strict';
import { cookieName } from '#src/dashboard/server/authentication.ts';
import { apiPrefix, routes } from '#src/dashboard/server/routes.ts';
import { sleep } from '#test/support/wait.ts';
import { askDashboard, cookieOf, DashboardSession, logIn, raw, rawGet, type Target } from './client.ts';

export interface Victim {
  readonly target: Target;
  /** Words that no answer to a stranger may hold. */
  readonly secrets: readonly string[];
  readonly admin: { readonly name: string; readonly password: string };
  readonly viewer: { readonly name: string; readonly password: string };
}

const paths = [
  ...routes.map(({ method, path }) => [method.toUpperCase(), `${apiPrefix}${path}`] as const),
  ...[
    '/',
    '/index.html',
    '/assets/main.js',
    '/assets/manifest.json',
    '/metrics',
    '/api',
    '/api/v2/state',
    '/.env',
  ].map((path) => ['GET', path] as const),
  ['GET', `${apiPrefix}/events`],
  ['GET', `${apiPrefix}/openapi.json`],
  ['PUT', `${apiPrefix}/state`],
  ['OPTIONS', `${apiPrefix}/acts/switchover`],
  ['TRACE', '/'],
] as const;

/** No identity, a made-up one, a spoilt one: each path says 401 (or leads to the login page), and nothing else. */
export async function strangersAreRefused(victim: Victim): Promise<number> {
  const { target, secrets } = victim;
  let tried = await pageIsForOperators(victim);
  const disguises: readonly Record<string, string>[] = [
    {},
    { cookie: `${cookieName}=eyJuYW1lIjoiYWRtaW4ifQ.AAAA`, 'x-tandem-csrf': 'AAAA' },
    { authorization: 'Bearer tandem_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' },
    { authorization: 'Basic YWRtaW46YWRtaW4=' },
    { 'x-forwarded-user': 'admin', 'x-tandem-actor': 'admin', 'x-forwarded-for': '127.0.0.1' },
  ];
  for (const [method, path] of paths) {
    for (const headers of disguises) {
      const body = method === 'POST' ? {} : undefined;
      // A TRACE request is refused by the client library itself.
      if (method === 'TRACE') continue;
      const answer = await askDashboard(target, path, { method, headers, body });
      const isLogin = path === '/' && answer.status === 303 && answer.headers['location'] === '/login';
      assert.ok(
        isLogin || answer.status === 401,
        `${method} ${path} answered a stranger ${answer.status}: ${answer.body}`,
      );
      for (const secret of secrets)
        assert.ok(!answer.body.includes(secret), `${method} ${path} told a stranger '${secret}'`);
      assertHeaders(answer.headers, path);
      tried += 1;
    }
  }
  return tried;
}

/** The page's own code is served to who is logged in; a stranger gets the files of the login page only. */
async function pageIsForOperators({ target, admin }: Victim): Promise<number> {
  const session = await DashboardSession.login(target, admin.name, admin.password);
  const filesOf = (html: string) => [...html.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  const open = filesOf((await askDashboard(target, '/login')).body);
  const all = filesOf((await session.ask('/')).body);
  const own = all.filter((path) => !open.includes(path));
  assert.ok(own.length > 0, `the page has files of its own: ${all.join(', ')}`);
  for (const path of own) {
    assert.equal((await session.ask(path)).status, 200, path);
    assert.equal((await askDashboard(target, path)).status, 401, `${path} is for strangers too`);
  }
  return own.length;
}

function assertHeaders(headers: Readonly<Record<string, string>>, path: string): void {
  const policy = headers['content-security-policy'] ?? '';
  assert.ok(
    policy.includes("default-src 'none'") && policy.includes("frame-ancestors 'none'"),
    `${path}: policy ${policy}`,
  );
  assert.ok(!/unsafe|\*|https?:/.test(policy), `${path}: policy ${policy}`);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['access-control-allow-origin'], undefined);
  assert.equal(headers['referrer-policy'], 'no-referrer');
}

/** Another page's requests, with the operator's cookie: refused, whatever they look like. */
export async function forgeriesAreRefused(victim: Victim): Promise<number> {
  const { target, admin } = victim;
  const session = await DashboardSession.login(target, admin.name, admin.password);
  const acts = `${apiPrefix}/acts/maintenance`;
  const body = { on: true };
  const refused = async (
    what: string,
    status: number,
    path: string,
    options: Parameters<typeof askDashboard>[2],
  ) => {
    const answer = await askDashboard(target, path, options);
    assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.body}`);
  };
  const own = session.headers();
  const { cookie } = session;
  await refused('the cookie alone, acting', 403, acts, { method: 'POST', body, headers: { cookie } });
  await refused('the cookie alone, reading', 403, `${apiPrefix}/state`, { headers: { cookie } });
  await refused('another value', 403, acts, {
    method: 'POST',
    body,
    headers: { ...own, 'x-tandem-csrf': 'A'.repeat(43) },
  });
  for (const origin of [
    'https://evil.example',
    'null',
    target.origin.replace(/:\d+$/, ''),
    `${target.origin}.evil.example`,
  ]) {
    await refused(`origin ${origin}`, 403, acts, { method: 'POST', body, headers: { ...own, origin } });
    const login = { name: admin.name, password: admin.password };
    await refused(`login from ${origin}`, 403, `${apiPrefix}/session`, {
      method: 'POST',
      body: login,
      headers: { origin },
    });
  }
  for (const site of ['cross-site', 'same-site']) {
    await refused(site, 403, acts, { method: 'POST', body, headers: { ...own, 'sec-fetch-site': site } });
  }
  const form = { ...own, 'content-type': 'text/plain' };
  await refused('a form', 415, acts, { method: 'POST', headers: form });
  const same = await session.ask(`${apiPrefix}/session`, {
    headers: { origin: target.origin, 'sec-fetch-site': 'same-origin' },
  });
  assert.equal(same.status, 200, 'its own page is let in');
  return 14;
}

/** A cookie that was there before login is worth nothing after it, and none outlives its logout. */
export async function sessionsAreOnesOwn(
  { target, admin }: Victim,
  others: readonly Target[] = [],
): Promise<void> {
  const planted = `${cookieName}=planted.by.somebody`;
  const answer = await logIn(target, admin.name, admin.password, { cookie: planted });
  assert.equal(answer.status, 201, answer.body);
  const cookie = [answer.headers['set-cookie'] ?? ''].flat().join();
  for (const word of ['HttpOnly', 'Secure', 'SameSite=Strict', 'Path=/'])
    assert.ok(cookie.includes(word), `${word}: ${cookie}`);
  assert.ok(!/domain=/i.test(cookie), cookie);
  const first = await DashboardSession.login(target, admin.name, admin.password, {
    cookie: cookieOf(answer),
  });
  assert.notEqual(first.cookie, cookieOf(answer), 'a login that finds a session makes a new one');
  const [name = '', seal = ''] = first.cookie.split('.');
  const spoilt = await askDashboard(target, `${apiPrefix}/session`, {
    headers: {
      ...first.headers(),
      cookie: `${name}.${seal.replace(/^./, (one) => (one === 'A' ? 'B' : 'A'))}`,
    },
  });
  assert.equal(spoilt.status, 401);
  for (const other of [target, ...others]) {
    assert.equal(
      (await first.ask(`${apiPrefix}/session`, {}, other)).status,
      200,
      `${other.origin} knows the session`,
    );
  }
  assert.equal((await first.ask(`${apiPrefix}/session`, { method: 'DELETE' })).status, 204);
  assert.equal((await first.ask(`${apiPrefix}/session`)).status, 401, 'a session is over after logout');
  for (const other of others) {
    for (let attempt = 0; (await first.ask(`${apiPrefix}/session`, {}, other)).status !== 401; attempt += 1) {
      assert.ok(attempt < 50, `${other.origin} still takes a session that was ended elsewhere`);
      await sleep(100);
    }
  }
}

/** Who looks on can't act, by whatever way. */
export async function viewersOnlyLook({ target, viewer }: Victim, readToken?: string): Promise<number> {
  const session = await DashboardSession.login(target, viewer.name, viewer.password);
  const acts = routes.filter(({ role }) => role !== 'viewer');
  for (const { path } of acts) {
    const body = { host: 'lb-1', kind: 'heal', on: true, address: '203.0.113.9', forMs: null };
    const answer = await session.ask(`${apiPrefix}${path}`, { method: 'POST', body });
    assert.equal(answer.status, 403, `${path} answered a viewer ${answer.status}`);
    if (readToken === undefined) continue;
    const headers = { authorization: `Bearer ${readToken}` };
    const byToken = await askDashboard(target, `${apiPrefix}${path}`, { method: 'POST', body, headers });
    assert.equal(byToken.status, 403, `${path} answered a reading token ${byToken.status}`);
  }
  assert.equal((await session.ask(`${apiPrefix}/acts`)).status, 200);
  return acts.length;
}

/** Guessing is slowed down, also with the right password meanwhile and from many connections at once. */
export async function guessingIsSlow(
  { target }: Victim,
  name: string,
  right: string,
): Promise<Record<string, number>> {
  const guesses = await Promise.all(
    Array.from({ length: 12 }, (_, index) => logIn(target, name, `guess number ${index}`)),
  );
  const statuses = guesses.map(({ status }) => status);
  assert.ok(!statuses.includes(201), 'a guess was right?');
  const tried = statuses.filter((status) => status === 401).length;
  for (let more = 0; more < 3; more += 1) await logIn(target, name, 'and another');
  const answer = await logIn(target, name, right);
  assert.equal(
    answer.status,
    429,
    `after ${guesses.length} guesses the next attempt answered ${answer.status}`,
  );
  assert.ok(Number(answer.headers['retry-after']) > 0, 'and says when to try again');
  return { guessedAtOnce: guesses.length, tried };
}

/** An unknown name takes as long as a known one: the median of some attempts each, milliseconds. */
export async function namesAreNotTold({ target }: Victim): Promise<void> {
  const known = await logIn(target, 'locked', 'wrong');
  const unknown = await logIn(target, 'nobody-of-that-name', 'wrong');
  assert.equal(known.status, 401);
  assert.equal(unknown.status, 401);
  assert.equal(known.body, unknown.body);
}

const escapes = [
  '/assets/../../../../etc/passwd',
  '/../../../../etc/passwd',
  '//etc/passwd',
  '/assets/..%2f..%2f..%2f..%2fetc%2fpasswd',
  '/assets/%2e%2e/%2e%2e/manifest.json',
  '/assets/..%5c..%5cmanifest.json',
  '/assets/%00manifest.json',
  '/assets/manifest.json',
  '/assets/index.html',
  '/assets/.',
  '/assets/__proto__',
  '/assets/constructor',
  '/assets/%c0%ae%c0%ae/manifest.json',
  'file:///etc/passwd',
  'http://127.0.0.1:2379/version',
];

/** Even somebody who is let in gets nothing but the page's own files. */
export async function pathsDoNotEscape({ target, admin }: Victim): Promise<number> {
  const session = await DashboardSession.login(target, admin.name, admin.password);
  for (const path of escapes) {
    for (const headers of [{}, session.headers()]) {
      const text = await rawGet(target, path, headers);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      assert.ok([0, 303, 400, 401, 404].includes(status), `${path} answered ${status}`);
      assert.ok(!/root:|"public"|etcdserver/.test(text), `${path} gave away a file`);
    }
  }
  return escapes.length;
}

/** Too long is refused early, and the server goes on. */
export async function sizesAreBounded(victim: Victim): Promise<void> {
  const { target, admin } = victim;
  const long = 'x'.repeat(30_000);
  const length = await askDashboard(target, `${apiPrefix}/session`, {
    method: 'POST',
    body: { name: long, password: long },
  });
  assert.equal(length.status, 413);
  // Who is still sending when the answer goes out may find the connection closed instead.
  const large = await raw(target, (socket) => {
    const head = `POST ${apiPrefix}/session HTTP/1.1\r\nhost: ${new URL(target.origin).host}`;
    socket.write(`${head}\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n\r\n`);
    socket.write('x'.repeat(2_000_000));
  });
  assert.match(large.text, /^(HTTP\/1\.1 413|$)/, 'a long body is cut');
  const { text } = await raw(target, (socket) => {
    socket.write(
      `POST ${apiPrefix}/session HTTP/1.1\r\nhost: ${new URL(target.origin).host}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
    );
    for (let part = 0; part < 20; part += 1)
      socket.write(`${(50_000).toString(16)}\r\n${'x'.repeat(50_000)}\r\n`);
    socket.write('0\r\n\r\n');
  });
  assert.match(text, /^(HTTP\/1\.1 413|$)/, 'a body of unknown length is cut');
  const header = await rawGet(target, '/login', { 'x-long': 'x'.repeat(100_000) });
  assert.match(header, /^(HTTP\/1\.1 431|$)/, 'so is a head');
  const session = await DashboardSession.login(target, admin.name, admin.password);
  const range = (query: string) => session.ask(`${apiPrefix}/metrics?${query}`);
  const now = Date.now();
  for (const query of [
    '',
    'from=1',
    `from=${now}&to=${now - 1}`,
    `from=0&to=${now}`,
    'from=yesterday&to=now',
    `from=${now - 1_000}&to=${now}&points=100000000`,
    `from=-5&to=${now}`,
    `from=1e400&to=${now}`,
    `from=${now - 1_000}&to=${now}&select=everything`,
  ]) {
    const answer = await range(query);
    assert.equal(answer.status, 422, `metrics?${query} answered ${answer.status}`);
    assert.match(answer.body, /"detail":"query/);
  }
  assert.equal((await range(`from=${now - 60_000}&to=${now}`)).status, 200);
  for (const body of ['{', 'null', '[]', '"on"', '{"on":"yes"}', '{"on":true,"more":1}']) {
    const { text: answer } = await raw(target, (socket) =>
      socket.write(
        `POST ${apiPrefix}/acts/maintenance HTTP/1.1\r\nhost: ${new URL(target.origin).host}\r\ncookie: ${session.cookie}\r\nx-tandem-csrf: ${session.csrf}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      ),
    );
    assert.match(answer, /^HTTP\/1\.1 4(00|22)/, `${body}: ${answer.slice(0, 60)}`);
  }
}

/** Clients that trickle are cut, and others are served meanwhile. */
export async function slowClientsAreCut(
  { target }: Victim,
  atMostMs: number,
): Promise<Record<string, number>> {
  const trickle = (first: string, drop: string) =>
    raw(
      target,
      (socket) => {
        socket.write(first);
        const timer = setInterval(() => socket.write(drop), 500);
        socket.on('close', () => clearInterval(timer));
      },
      atMostMs,
    );
  const host = new URL(target.origin).host;
  const heads = Array.from({ length: 20 }, () =>
    trickle(`GET /login HTTP/1.1\r\nhost: ${host}\r\n`, 'x-slow: 1\r\n'),
  );
  const body = trickle(
    `POST ${apiPrefix}/session HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n{`,
    ' ',
  );
  const silent = raw(target, () => undefined, atMostMs);
  const during = await askDashboard(target, '/login');
  assert.equal(during.status, 200, 'others are served while slow clients hang on');
  const [slowBody, quiet, ...slow] = await Promise.all([body, silent, ...heads]);
  const longest = Math.max(...slow.map(({ tookMs }) => tookMs));
  return {
    headMs: Math.round(longest),
    bodyMs: Math.round(slowBody.tookMs),
    silentMs: Math.round(quiet.tookMs),
  };
}

/** A page's stream goes on at a balancer that has seen nothing of its session, longer than streams are looked over. */
export async function streamsOutliveTakeovers(
  { target, viewer }: Victim,
  other: Target,
  between: () => Promise<void> = async () => undefined,
): Promise<void> {
  const session = await DashboardSession.login(target, viewer.name, viewer.password);
  await between();
  const { text } = await raw(other, (socket) => {
    const headers = { ...session.headers(), 'x-tandem-passive': '1' };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(
      `GET ${apiPrefix}/events HTTP/1.1\r\nhost: ${new URL(other.origin).host}\r\n${lines.join('')}\r\n`,
    );
    setTimeout(() => socket.end(), 6_000);
  });
  assert.match(text, /event: state\r?\n/);
  assert.ok(!text.includes('event: over'), 'the stream was ended as if the session were over');
}

/** A stream that is taken up with nonsense, and one of somebody whose session ends. */
export async function streamsAreSound({ target, viewer }: Victim): Promise<void> {
  const session = await DashboardSession.login(target, viewer.name, viewer.password);
  const open = (lastEventId: string) =>
    raw(target, (socket) => {
      const headers = { ...session.headers(), 'last-event-id': lastEventId };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(
        `GET ${apiPrefix}/events HTTP/1.1\r\nhost: ${new URL(target.origin).host}\r\n${lines.join('')}\r\n`,
      );
      setTimeout(() => socket.end(), 1_500);
    });
  const ids = ['nonsense', '0', '-1', 'ffffffffffff-99999999999999', '"\'<script>', 'x'.repeat(5_000)];
  const answers = await Promise.all(ids.map(open));
  for (const [index, { text }] of answers.entries()) {
    const id = ids[index]?.slice(0, 20);
    assert.match(text, /^HTTP\/1\.1 200/, id);
    assert.match(text, /event: state\r?\n/, `${id}: the whole state comes`);
  }
}
