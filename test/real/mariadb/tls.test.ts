import { execFileSync } from 'node:child_process';
import type { ConnectionOptions } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Certificates } from './certificates.ts';
import { PASSWORD, removeDirectories } from './data-directory.ts';
import { changeMaster, ioRunning, replicaStatus } from './replication.ts';
import { disposeServers, MariadbServer } from './server.ts';
import { waitFor } from './wait.ts';

let certificates: Certificates;
let server: MariadbServer;

beforeAll(async () => {
  certificates = new Certificates('certificates');
  certificates.authority('ca');
  certificates.authority('other-ca');
  certificates.issue('server', 'ca', 'server-1');
  certificates.issue('client', 'ca', 'client');
  certificates.issue('stranger', 'other-ca', 'client');
  server = await MariadbServer.create('tls', ['server-id=1', ...certificates.serverOptions]);
  await server.start('require-secure-transport=ON');
  await server.run(
    'SET sql_log_bin=0',
    `CREATE USER plain@'%' IDENTIFIED BY '${PASSWORD}'`,
    `CREATE USER needs_ssl@'%' IDENTIFIED BY '${PASSWORD}' REQUIRE SSL`,
    `CREATE USER needs_x509@'%' IDENTIFIED BY '${PASSWORD}' REQUIRE X509`,
    `CREATE USER needs_subject@'%' IDENTIFIED BY '${PASSWORD}' REQUIRE SUBJECT '/CN=client'`,
    `ALTER USER repl@'%' REQUIRE X509`,
    'SET sql_log_bin=1',
  );
});
afterAll(async () => {
  await disposeServers();
  removeDirectories();
});

/** TLS with our CA, and with the certificate of `name` if one is given. */
function tls(name?: string, ca = 'ca'): ConnectionOptions {
  const pem = (of: string) => certificates.pem(of);
  const own = name === undefined ? {} : { cert: pem(name), key: pem(`${name}-key`) };
  return { host: '127.0.0.1', ssl: { ca: pem(ca), ...own } };
}

/** 'ok', or what the connection was refused with: MariaDB's error number, or the TLS library's code. */
async function login(user: string, options: ConnectionOptions): Promise<string> {
  try {
    const connection = await server.connect({ user, password: PASSWORD, ...options, database: '' });
    await connection.end();
    return 'ok';
  } catch (error) {
    const { errno, code } = error as { errno?: number; code?: string };
    return String(errno !== undefined && errno > 0 ? errno : code);
  }
}

const tcp: ConnectionOptions = { host: '127.0.0.1' };

describe('require_secure_transport', () => {
  // It gives the same error as a wrong password, so a preflight check names the missing TLS itself.
  test('refuses TCP without TLS with 1045, as a wrong password', async () => {
    expect(await login('plain', tcp)).toBe('1045');
    expect(await login('plain', { ...tls(), password: 'wrong' })).toBe('1045');
    expect(await login('plain', tls())).toBe('ok');
  });

  // Local clients need no TLS for it.
  test('takes the unix socket for secure', async () => {
    expect(await login('plain', {})).toBe('ok');
  });
});

describe('accounts', () => {
  // So the router's and the agent's local accounts are @localhost without REQUIRE, and bound to the socket.
  test('with REQUIRE SSL can not use the unix socket: 1045', async () => {
    expect(await login('needs_ssl', {})).toBe('1045');
    expect(await login('needs_ssl', tls())).toBe('ok');
  });

  test('with REQUIRE X509 need a certificate of our CA', async () => {
    expect(await login('needs_x509', tls())).toBe('1045');
    expect(await login('needs_x509', tls('client'))).toBe('ok');
    expect(await login('needs_x509', tls('server'))).toBe('ok');
  });

  // Binds an account to one service's certificate: a stolen password of another host is worth nothing.
  test('with REQUIRE SUBJECT need that very certificate', async () => {
    expect(await login('needs_subject', tls('server'))).toBe('1045');
    expect(await login('needs_subject', tls('client'))).toBe('ok');
  });

  // TLS itself refuses, whatever the account.
  test('a certificate of another CA is refused in the handshake', async () => {
    expect(await login('plain', tls('stranger'))).toMatch(/UNKNOWN_CA|HANDSHAKE_SSL_ERROR|ECONNRESET|EPIPE/);
  });

  test('a client that trusts another CA refuses the server', async () => {
    expect(await login('plain', tls('client', 'other-ca'))).toBe('HANDSHAKE_SSL_ERROR');
  });
});

describe('replication', () => {
  const file = (name: string) => certificates.file(name);
  const certified = (ca: string) =>
    `, MASTER_SSL=1, MASTER_SSL_CA='${file(ca)}', MASTER_SSL_CERT='${file('client')}', ` +
    `MASTER_SSL_KEY='${file('client-key')}', MASTER_SSL_VERIFY_SERVER_CERT=1`;

  // The IO thread retries all of them for ever, as Connecting; the number is what status and alerts go by.
  test('without TLS or certificate gives 1045, with another CA 2026, and connects when all is right', async () => {
    const replica = await MariadbServer.create('tls-replica', ['server-id=2']);
    await replica.start();
    const refused = async (options: string, errno: string) => {
      await replica.run('STOP SLAVE', 'RESET SLAVE ALL', changeMaster(server) + options, 'START SLAVE');
      await waitFor(`error ${errno}`, async () => (await replicaStatus(replica, 'Last_IO_Errno')) === errno);
      expect(await replicaStatus(replica, 'Slave_IO_Running')).toBe('Connecting');
    };
    await refused('', '1045');
    await refused(', MASTER_SSL=1', '1045');
    await refused(certified('other-ca'), '2026');
    await replica.run('STOP SLAVE', 'RESET SLAVE ALL', changeMaster(server) + certified('ca'), 'START SLAVE');
    await ioRunning(replica);
    // RESET SLAVE ALL forgets host and account, not the TLS settings: CHANGE MASTER always states them all.
    await replica.run('STOP SLAVE', 'RESET SLAVE ALL', changeMaster(server));
    expect(await replicaStatus(replica, 'Master_SSL_Allowed')).toBe('Yes');
  });
});

describe('rotation', () => {
  // A renewed certificate needs no restart; connections that are open stay as they are.
  test('FLUSH SSL takes the new certificate, and open connections go on', async () => {
    const open = await server.connect({ user: 'plain', password: PASSWORD, ...tls(), database: '' });
    const connect = ['s_client', '-starttls', 'mysql', '-connect', `127.0.0.1:${server.port}`];
    const subject = () => execFileSync('openssl', connect, { encoding: 'utf8', input: '', stdio: 'pipe' });
    expect(subject()).toContain('CN = server-1');
    certificates.issue('server', 'ca', 'server-2');
    expect(subject()).toContain('CN = server-1');
    await server.run('FLUSH NO_WRITE_TO_BINLOG SSL');
    expect(subject()).toContain('CN = server-2');
    await open.query('SELECT 1');
  });
});
