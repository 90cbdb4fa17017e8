import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { assert, describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../../examples/users/config.ts';
import { type DatabaseTarget, parseDatabaseUrl } from '../../../examples/users/database-url.ts';

const url = 'mysql://app:secret@localhost/shop?socket=/run/tandem/router/router.sock';
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
  assert(result.ok);
  return result.target;
}

function targetOf(text: string) {
  const result = parseDatabaseUrl(text);
  return result.ok ? result.target : result.issue;
}

describe('environment', () => {
  test('the least', () => {
    const config = readConfig({ PORT: '8080', DATABASE_URL: url }, 'here');
    expect(config).toMatchObject({ listen: { kind: 'port', port: 8080 }, host: 'here', poolSize: 5 });
    expect(config.database.label).toBe('/run/tandem/router/router.sock');
  });

  test('a socket, a pool size', () => {
    const config = readConfig({ ...good, DATABASE_POOL: '2' }, 'here');
    expect(config.listen).toEqual({ kind: 'socket', path: '/run/app/1.sock' });
    expect(config).toMatchObject({ host: 'web-1', poolSize: 2 });
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
    ['DATABASE_URL', 'server-2'],
  ] as const)('%s=%s is refused by name', ([name, value]) => {
    const issues = issuesOf({ ...good, [name]: value });
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatch(new RegExp(`^${name}: .+\\. .+\\.$`));
  });
});

describe('database address', () => {
  test('says all', () => {
    const target = onlyTarget('mysql://a%40b:p%40ss%2Fw%3A%25@[::1]:3310/shop');
    expect(target).toMatchObject({
      user: 'a@b',
      host: '::1',
      port: 3310,
      label: '[::1]:3310',
      schema: 'shop',
      socketPath: null,
    });
    expect(target.password()).toBe('p@ss/w:%');
  });

  test('a socket', () => {
    expect(targetOf('mysql://app:x@localhost/shop?socket=/run/my%20router.sock')).toMatchObject({
      socketPath: '/run/my router.sock',
      label: '/run/my router.sock',
    });
  });

  test('is on this host', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9:1', '[::1]']) {
      expect(targetOf(`mysql://a:b@${host}/s`), host).toMatchObject({ user: 'a' });
    }
    for (const host of ['server-1', '10.0.0.1', '128.0.0.1', '127.0.0.1.example.org', '[fd00::1]']) {
      expect(targetOf(`mysql://a:b@${host}/s`), host).toMatchObject({
        problem: expect.stringContaining('over the network'),
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
    'mysql://a:hunter2@localhost/s?ssl-ca=/ca.pem',
    'mysql://a:hunter2@localhost/s?socket=a.sock',
    'mysql://a:hunter2@localhost/s?socket=/a&socket=/b',
    'mysql://a:hunter2@localhost/s?password=hunter2',
    'mysql://a:hunter2@localhost,127.0.0.1/s?socket=/x',
  ])('%s is refused, and the message has no part of the secret', (text) => {
    const result = targetOf(text);
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
