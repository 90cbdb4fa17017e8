import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { RouterAccount } from '#src/router/config.ts';
import { Certificates } from '../mariadb/certificates.ts';
import { disposeServers, removeDirectories } from '../mariadb/server.ts';
import { account, type RouterStack, startStack } from './stack.ts';

let stack: RouterStack | undefined;

afterEach(async () => {
  stack?.router.close();
  await disposeServers();
});

afterAll(removeDirectories);

const certificates = new Certificates('router-tls');
certificates.authority('ca');
certificates.authority('other-ca', 'ca');
certificates.issue('server', 'ca', 'db-1');
certificates.issue('client', 'ca', 'router');
const pem = (name: string) => certificates.pem(name);
const tlsServer = [...certificates.serverOptions, 'require-secure-transport=ON'];

async function cipherThrough({ socketPath }: RouterStack): Promise<string> {
  const client = await mysql.createConnection({ ...account, socketPath, database: 'test' });
  try {
    const [[row]] = await client.query<RowDataPacket[]>("SHOW STATUS LIKE 'Ssl_cipher'");
    const [[big]] = await client.query<RowDataPacket[]>('SELECT REPEAT("z", 3000000) AS z');
    expect(big?.['z']).toHaveLength(3_000_000);
    return row?.['Value'];
  } finally {
    await client.end();
  }
}

test('TLS to the server, with a certificate of the router where the account demands one', async () => {
  stack = await startStack({
    replicas: 0,
    serverOptions: tlsServer,
    createUser: `CREATE USER app@'%' IDENTIFIED BY '${account.password}' REQUIRE SUBJECT '/CN=router'`,
    config: { serverTls: { ca: pem('ca'), cert: pem('client'), key: pem('client-key') } },
  });
  expect(await cipherThrough(stack)).toMatch(/^TLS_/);
});

test('a server whose certificate another authority signed gets no statement', async () => {
  stack = await startStack({
    replicas: 0,
    serverOptions: tlsServer,
    config: { serverTls: { ca: pem('other-ca') }, bufferTimeoutMs: 300 },
  });
  const client = await mysql.createConnection({ ...account, socketPath: stack.socketPath });
  await expect(client.query('SELECT 1')).rejects.toMatchObject({
    errno: 1053,
    sqlMessage: expect.stringContaining('certificate'),
  });
  await client.end();
});

test('an account with ed25519 on the server', async () => {
  stack = await startStack({
    replicas: 0,
    serverOptions: ['plugin-load-add=auth_ed25519'],
    createUser: `CREATE USER app@'%' IDENTIFIED VIA ed25519 USING PASSWORD('${account.password}')`,
  });
  const client = await mysql.createConnection({ ...account, socketPath: stack.socketPath, database: 'test' });
  await expect(client.query('SELECT 1')).resolves.toBeDefined();
  await client.end();
});

const withPlugin = (plugin: NonNullable<RouterAccount['plugin']>) =>
  startStack({ replicas: 0, config: { accounts: [{ ...account, plugin }] } });

const cli = (socketPath: string, password: string, ...words: string[]) =>
  promisify(execFile)('mariadb', [
    '--no-defaults',
    `--socket=${socketPath}`,
    `-u${account.user}`,
    `-p${password}`,
    '-Ne',
    'SELECT 42',
    ...words,
  ]);

test.each(['mysql_native_password', 'caching_sha2_password', 'client_ed25519'] as const)(
  'clients prove themselves by %s',
  async (plugin) => {
    stack = await withPlugin(plugin);
    expect((await cli(stack.socketPath, account.password)).stdout).toBe('42\n');
    await expect(cli(stack.socketPath, 'wrong')).rejects.toThrow(
      /ERROR 1045 \(28000\): Access denied for user 'app'@'localhost'/,
    );
    if (plugin === 'client_ed25519') return; // mysql2 has no such plugin.
    const client = await mysql.createConnection({ ...account, socketPath: stack.socketPath });
    await client.end();
  },
);

test.each(['mysql_native_password', 'caching_sha2_password'] as const)(
  'clients prove passwords of their own by %s, and the router its own to the server',
  async (plugin) => {
    const clientPasswords = ['the new one', 'the old one'];
    stack = await startStack({
      replicas: 0,
      config: { accounts: [{ ...account, plugin, clientPasswords }] },
    });
    for (const password of clientPasswords) {
      expect((await cli(stack.socketPath, password)).stdout).toBe('42\n');
    }
    await expect(cli(stack.socketPath, account.password)).rejects.toThrow(/ERROR 1045/);
    const client = await mysql.createConnection({
      ...account,
      password: 'the new one',
      socketPath: stack.socketPath,
    });
    await client.changeUser({ ...account, password: 'the old one' });
    await expect(client.changeUser({ ...account })).rejects.toMatchObject({ errno: 1045 });
    client.destroy();
  },
);

test('TLS of clients over TCP, also with bytes that come right behind the request', async () => {
  stack = await startStack({
    replicas: 0,
    config: { listen: { host: '127.0.0.1', port: 0, tls: { cert: pem('server'), key: pem('server-key') } } },
  });
  const client = await mysql.createConnection({
    ...account,
    host: '127.0.0.1',
    port: stack.port,
    ssl: { ca: pem('ca') },
  });
  const [[row]] = await client.query<RowDataPacket[]>('SELECT REPEAT("q", 5000000) AS q');
  expect(row?.['q']).toHaveLength(5_000_000);
  await client.end();
});
