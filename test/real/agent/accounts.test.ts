/** The accounts of the stack file on a real server: made, changed, dropped, and never on one that is read-only. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '#src/adapters/log.ts';
import { accountChanges, nativeHash } from '#src/agent/database/account-changes.ts';
import { keeperSql } from '#src/agent/database/accounts.ts';
import { AccountKeeper } from '#src/agent/database/accounts-keep.ts';
import type { AccountPrivileges } from '#src/spec/schema/database.ts';
import { disposeServers, MariadbServer, removeDirectories } from '../mariadb/server.ts';

let server: MariadbServer;

beforeEach(async () => {
  server = await (await MariadbServer.create('accounts', ['server-id=1'])).start();
  await server.run(
    'CREATE DATABASE tandem',
    'CREATE DATABASE shop',
    "CREATE USER shop@'%' IDENTIFIED BY 'app'",
    "GRANT ALL ON shop.* TO shop@'%'",
    ...keeperSql('shop', 'agent-secret'),
  );
});

afterEach(disposeServers);
afterAll(removeDirectories);

type Accounts = Readonly<Record<string, readonly [password: string, privileges: AccountPrivileges]>>;

function keeper(accounts: Accounts): AccountKeeper {
  const passwordsFile = join(server.directory, 'passwords.json');
  const passwords = {
    replication: '-',
    agent: 'agent-secret',
    application: 'app',
    accounts: Object.fromEntries(Object.entries(accounts).map(([name, [password]]) => [name, password])),
  };
  writeFileSync(passwordsFile, JSON.stringify(passwords));
  return new AccountKeeper({
    log: createLog(() => undefined, 'agent').of('database'),
    config: {
      socket: server.socketPath,
      passwordsFile,
      schema: 'shop',
      members: [],
      applicationAccount: 'shop',
      accounts: Object.entries(accounts).map(([name, [, privileges]]) => ({ name, privileges })),
    },
  });
}

async function keep(accounts: Accounts): Promise<string | undefined> {
  const own = keeper(accounts);
  try {
    return await own.keep([]);
  } finally {
    own.close();
  }
}

/** What the server has: by account its grants, without the hash. */
async function grants(...names: readonly string[]): Promise<Record<string, string | undefined>> {
  const found: Record<string, string | undefined> = {};
  for (const name of names) {
    const rows = await server.rows(`SHOW GRANTS FOR ${name}@'%'`).catch(() => undefined);
    found[name] = rows
      ?.map((row) =>
        String(Object.values(row)[0])
          .replace(/'\*[0-9A-F]{40}'/, '(hash)')
          .replaceAll('`', ''),
      )
      .join('; ');
  }
  return found;
}

const hashOf = (name: string) =>
  server.value(
    `SELECT JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv WHERE User = '${name}' AND Host = '%'`,
  );
const position = () => server.value('SELECT @@gtid_binlog_pos');

const usage = (name: string) => `GRANT USAGE ON *.* TO ${name}@% IDENTIFIED BY PASSWORD (hash) REQUIRE SSL`;

test('accounts are made with what they may do, changed and dropped; nothing is said when nothing has changed', async () => {
  await keep({ reader: ['r-1', 'read'], writer: ['w-1', 'write'], owner: ['o-1', 'all'] });
  expect(await grants('reader', 'writer', 'owner')).toEqual({
    reader: `${usage('reader')}; GRANT SELECT, SHOW VIEW ON shop.* TO reader@%`,
    writer: `${usage('writer')}; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, SHOW VIEW ON shop.* TO writer@%`,
    owner: `${usage('owner')}; GRANT ALL PRIVILEGES ON shop.* TO owner@%`,
  });
  expect(await hashOf('reader')).toBe(await server.value("SELECT PASSWORD('r-1')"));
  const before = await position();
  await keep({ reader: ['r-1', 'read'], writer: ['w-1', 'write'], owner: ['o-1', 'all'] });
  expect(await position()).toBe(before);
  await keep({ reader: ['r-2', 'write'], owner: ['o-1', 'read'] });
  expect(await grants('reader', 'writer', 'owner')).toEqual({
    reader: expect.stringContaining('INSERT, UPDATE, DELETE'),
    writer: undefined,
    owner: `${usage('owner')}; GRANT SELECT, SHOW VIEW ON shop.* TO owner@%`,
  });
  expect(await hashOf('reader')).toBe(nativeHash('r-2'));
  await keep({});
  expect(await grants('reader', 'owner')).toEqual({ reader: undefined, owner: undefined });
  expect(await server.rows('SELECT * FROM tandem.account')).toEqual([]);
});

test('a password that was changed on the server is put back, the application’s too', async () => {
  await keep({ reader: ['r-1', 'read'] });
  await server.run(
    "SET PASSWORD FOR reader@'%' = PASSWORD('x')",
    "SET PASSWORD FOR shop@'%' = PASSWORD('x')",
  );
  await keep({ reader: ['r-1', 'read'] });
  expect(await hashOf('reader')).toBe(nativeHash('r-1'));
  expect(await hashOf('shop')).toBe(nativeHash('app'));
  expect((await grants('shop'))['shop']).toContain('GRANT ALL PRIVILEGES ON shop.*');
});

test('an account that somebody else made is left alone, and named', async () => {
  await server.run("CREATE USER reader@'%' IDENTIFIED BY 'theirs'");
  const said = await keep({ reader: ['r-1', 'read'], writer: ['w-1', 'write'] });
  expect(said).toMatch(/not made for the stack file: reader\./);
  expect(await hashOf('reader')).toBe(nativeHash('theirs'));
  expect((await grants('writer'))['writer']).toContain('INSERT');
  await keep({});
  expect(await hashOf('reader')).toBe(nativeHash('theirs'));
});

test('a server that is read-only gets nothing written', async () => {
  await server.run('SET GLOBAL read_only = ON');
  const before = await position();
  await expect(keep({ reader: ['r-1', 'read'] })).rejects.toMatchObject({ errno: 1290 });
  expect(await position()).toBe(before);
  await server.run('SET GLOBAL read_only = OFF');
  expect(await keep({ reader: ['r-1', 'read'] })).toBeUndefined();
});

test('a database from before there was a keeper gets one', async () => {
  await server.run('DROP USER tandem_accounts@localhost', 'DROP TABLE tandem.account');
  expect(await keep({ reader: ['r-1', 'read'] })).toBeUndefined();
  expect((await grants('reader'))['reader']).toContain('SELECT, SHOW VIEW ON shop.*');
});

test('interrupted behind any statement, the next look ends in the same place', async () => {
  const accounts: Accounts = { reader: ['r-1', 'read'], writer: ['w-1', 'write'] };
  const wanted = Object.entries(accounts).map(([name, [password, privileges]]) => ({
    name,
    password,
    privileges,
  }));
  const application = { name: 'shop', password: 'app' };
  const seen = { server: [{ name: 'shop', hash: nativeHash('app') }], kept: [] };
  const { statements } = accountChanges(wanted, application, seen, 'shop');
  expect(statements.length).toBeGreaterThan(6);
  let whole: unknown;
  for (let done = statements.length; done >= 0; done--) {
    await keep({});
    await server.run(...statements.slice(0, done));
    expect(await keep(accounts)).toBeUndefined();
    const now = [
      await grants('reader', 'writer'),
      await server.rows('SELECT * FROM tandem.account ORDER BY name'),
    ];
    whole ??= now;
    expect(now).toEqual(whole);
  }
});
