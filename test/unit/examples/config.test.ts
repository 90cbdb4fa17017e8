import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { assert, describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../../examples/users/config.ts';
import { type DatabaseTarget, parseDatabaseUrl } from '../../../examples/users/database-url.ts';

const url = 'mysql://app:secret@server-1:3306/shop?ssl-ca=/etc/ca.pem';
const good = { PORT: '/run/app/1.sock', TANDEM_HOST: 'web-1', DATABASE_URL: url };

function issuesOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig(environment, 'here');
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
}

function onlyTarget(text: string): DatabaseTarget {
  const result = parseDatabaseUrl(text);
  const target = result.ok ? result.targets[0] : undefined;
  assert(target !== undefined);
  return target;
}

function targetsOf(text: string) {
  const result = parseDatabaseUrl(text);
  return result.ok ? result.targets : result.issue;
}

describe('environment', () => {
  test('the least', () => {
    const config = readConfig({ PORT: '8080', DATABASE_URL: url }, 'here');
    expect(config).toMatchObject({ listen: { kind: 'port', port: 8080 }, host: 'here', poolSize: 5 });
    expect(config.reads).toEqual([config.writes[0]]);
  });

  test('a socket, a pool size, hosts to read from; writes are the last resort', () => {
    const config = readConfig(
      {
        ...good,
        DATABASE_POOL: '2',
        DATABASE_READ_URL: url.replace('server-1:3306', 'server-3,server-2:3307'),
      },
      'here',
    );
    expect(config.listen).toEqual({ kind: 'socket', path: '/run/app/1.sock' });
    expect(config).toMatchObject({ host: 'web-1', poolSize: 2 });
    expect(config.reads.map(({ label }) => label)).toEqual([
      'server-3:3306',
      'server-2:3307',
      'server-1:3306',
    ]);
    expect(config.reads[2]).toBe(config.writes[0]);
  });

  test('a server that is read and written has one pool, in the place that the read list gives it', () => {
    const config = readConfig({ ...good, DATABASE_READ_URL: url.replace(':3306', ',server-2') }, 'here');
    expect(config.reads.map(({ label }) => label)).toEqual(['server-1:3306', 'server-2:3306']);
    expect(config.reads[0]).toBe(config.writes[0]);
  });

  test('nothing set: everything that is missing', () => {
    expect(issuesOf({})).toEqual([
      expect.stringMatching(/^PORT: /),
      expect.stringMatching(/^DATABASE_URL: is not set/),
    ]);
  });

  test.for([
    ['PORT', '0'],
    ['PORT', '65536'],
    ['PORT', 'run/app.sock'],
    ['PORT', `/${'x'.repeat(107)}`],
    ['TANDEM_HOST', 'a\r\nset-cookie: b'],
    ['DATABASE_POOL', '0'],
    ['DATABASE_POOL', '2.5'],
    ['DATABASE_POOL', '101'],

    ['DATABASE_READ_URL', 'server-2'],
  ] as const)('%s=%s is refused by name', ([name, value]) => {
    const issues = issuesOf({ ...good, [name]: value });
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatch(new RegExp(`^${name}: .+\\. .+\\.$`));
  });
});

describe('database address', () => {
  test('says all', () => {
    const target = onlyTarget('mysql://a%40b:p%40ss%2Fw%3A%25@[fd00::1]:3310/shop?ssl-ca=/etc/my%20ca.pem');
    expect(target).toMatchObject({
      user: 'a@b',
      host: 'fd00::1',
      port: 3310,
      label: '[fd00::1]:3310',
      schema: 'shop',
      caFile: '/etc/my ca.pem',
      socketPath: null,
    });
    expect(target.password()).toBe('p@ss/w:%');
  });

  test('a socket', () => {
    const targets = targetsOf('mysql://app:x@localhost/shop?socket=/run/router.sock');
    expect(targets).toMatchObject([
      { socketPath: '/run/router.sock', label: '/run/router.sock', caFile: null },
    ]);
  });

  test('TLS may be left out on this machine only', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9:1', '[::1]']) {
      expect(targetsOf(`mysql://a:b@${host}/s`), host).toHaveLength(1);
    }
    for (const host of [
      'server-1',
      '10.0.0.1',
      '128.0.0.1',
      '127.0.0.1.example.org',
      '127.0.0.1,server-1',
      '[fd00::1]',
    ]) {
      expect(targetsOf(`mysql://a:b@${host}/s`), host).toMatchObject({
        problem: expect.stringContaining('without TLS'),
      });
    }
  });

  test.for([
    'postgres://a:hunter2@localhost/s',
    'mysql://hunter2',
    'mysql://:hunter2@localhost/s',
    'mysql://a:hunter2@localhost',
    'mysql://a:hunter2@localhost/',
    'mysql://a:hunter2@localhost/s/t',
    'mysql://a:hunter2@/s',
    'mysql://a:hunter2@localhost,/s',
    'mysql://a:hunter2@local host/s',
    'mysql://a:hunter2@localhost:0/s',
    'mysql://a:hunter2@localhost:65536/s',
    'mysql://a:hunter2@::1/s',
    'mysql://a:hun@ter2@localhost/s',
    'mysql://a:hunter2#@localhost/s',
    'mysql://a:hunter2%@localhost/s',
    'mysql://a:hunter2@localhost/s?ssl-ca=ca.pem',
    'mysql://a:hunter2@localhost/s?ssl_ca=/ca.pem',
    'mysql://a:hunter2@localhost/s?ssl-ca=/a&ssl-ca=/b',
    'mysql://a:hunter2@localhost/s?password=hunter2',
    'mysql://a:hunter2@localhost,127.0.0.1/s?socket=/x',
  ])('%s is refused, and the message has no part of the secret', (text) => {
    const result = targetsOf(text);
    expect(result).toMatchObject({ problem: expect.any(String), hint: expect.any(String) });
    expect(JSON.stringify(result)).not.toMatch(/hunter2|hun@|ter2/);
  });

  test('any password comes back as it was, and printing a target does not show it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 12 }), (password) => {
        const target = onlyTarget(`mysql://app:${encodeURIComponent(password)}@localhost/s`);
        expect(target.password()).toBe(password);
        expect(JSON.stringify(target)).not.toContain(JSON.stringify(password).slice(1, -1));
      }),
    );
  });

  test('no text makes the parser throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseDatabaseUrl(`mysql://${text}`)));
  });
});

test("the example's own package file names the versions that the repository pins", () => {
  const read = (path: string) =>
    JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8'));
  expect(read('package.json').dependencies).toMatchObject(read('examples/users/package.json').dependencies);
});
