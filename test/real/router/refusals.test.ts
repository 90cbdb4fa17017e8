/** Whoever is refused is told the same by the router as by a MariaDB server: asked here, side by side. */

import { readFileSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nativeAnswer } from '#src/mysql-wire/auth-native.ts';
import { capability, offeredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { command } from '#src/mysql-wire/commands.ts';
import { type ErrPacket, parseErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket, headerBytes, maxPayloadBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { parseGreeting } from '#src/mysql-wire/greeting.ts';
import { encodeHandshakeResponse, type HandshakeResponse } from '#src/mysql-wire/handshake-response.ts';
import type { RouterConfig } from '#src/router/config.ts';
import { digests } from '#src/router/digests.ts';
import { Router } from '#src/router/router.ts';
import { disposeServers, type MariadbServer, removeDirectories } from '../mariadb/server.ts';
import { serverCertificate } from './certificates.ts';
import { account, type RouterStack, startStack } from './stack.ts';

let stack: RouterStack;
let certificate: ReturnType<typeof serverCertificate>;

beforeAll(async () => {
  certificate = serverCertificate();
  stack = await startStack({
    replicas: 0,
    serverOptions: [...certificate.options, 'max-allowed-packet=1M', 'plugin-load-add=auth_ed25519'],
    config: { accounts: [account, { user: 'signed', password: 'sig', plugin: 'client_ed25519' }] },
  });
  await stack.primary.run("CREATE USER signed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('sig')");
});

afterAll(async () => {
  stack?.router.close();
  await disposeServers();
  removeDirectories();
});

interface Attempt {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly plugin?: string;
  readonly without?: number;
  /** Sent after the login. */
  readonly afterwards?: Buffer;
}

interface Refusal extends ErrPacket {
  readonly sequenceId: number;
  readonly hasState: boolean;
}

/** Logs in as the attempt says, and gives the first error packet, with how it was framed. */
function refusalBy(target: NetConnectOpts, attempt: Attempt): Promise<Refusal | string> {
  return new Promise((resolve) => {
    const socket = connect(target);
    let received = Buffer.alloc(0);
    let greeted = false;
    let sent = false;
    const finish = (result: Refusal | string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on('error', () => undefined);
    socket.on('close', () => finish('closed'));
    socket.setTimeout(5_000, () => finish('nothing'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= headerBytes && received.length >= headerBytes + received.readUIntLE(0, 3)) {
        const end = headerBytes + received.readUIntLE(0, 3);
        const packet = received.subarray(0, end);
        received = received.subarray(end);
        const payload = packet.subarray(headerBytes);
        if (payload[0] === 0xff) {
          const hasState = payload[3] === 0x23;
          finish({ ...parseErr(payload), sequenceId: packet[3] as number, hasState });
          return;
        }
        if (!greeted) {
          greeted = true;
          socket.write(packetOf(encodeHandshakeResponse(loginOf(payload, attempt)), 1));
        } else if (payload[0] === 0xfe) {
          finish(`asked for ${payload.toString('latin1', 1, payload.indexOf(0, 1))}`);
          return;
        } else if (!sent && attempt.afterwards !== undefined) {
          sent = true;
          socket.write(attempt.afterwards);
        } else {
          finish('an answer');
          return;
        }
      }
    });
  });
}

function loginOf(greeting: Buffer, attempt: Attempt): HandshakeResponse {
  const { user = account.user, password = account.password, database, plugin, without = 0 } = attempt;
  const none = capability.mysql | without | (database === undefined ? capability.connectWithDatabase : 0);
  return {
    capabilities: (offeredCapabilities & ~none) >>> 0,
    extendedCapabilities: 0,
    maxPacketBytes: 1 << 24,
    collation: 45,
    user,
    authResponse: nativeAnswer(digests, password, parseGreeting(greeting).scramble),
    authPlugin: plugin ?? 'mysql_native_password',
    database,
    attributes: new Map(),
  };
}

/** Another router before the same server. */
async function another(change: Partial<RouterConfig>): Promise<{ router: Router; port: number }> {
  const router = new Router({
    config: { ...stack.router.config, listen: { host: '127.0.0.1', port: 0 }, ...change },
    topology: stack.topology,
    log: stack.router.log,
  });
  const { port = 0 } = await router.listen();
  return { router, port };
}

const serverAt = (server: MariadbServer): NetConnectOpts => ({ host: '127.0.0.1', port: server.port });
const routerAt = (port: number): NetConnectOpts => ({ host: '127.0.0.1', port });

async function both(attempt: Attempt): Promise<{ server: Refusal; router: Refusal }> {
  const server = await refusalBy(serverAt(stack.primary), attempt);
  const router = await refusalBy(routerAt(stack.port), attempt);
  return { server: server as Refusal, router: router as Refusal };
}

const mebibyte = 1024 * 1024;
/** A query whose payload has so many bytes. */
const queryOf = (bytes: number): Buffer =>
  commandPacket(command.query, Buffer.from('SELECT 1 -- '.padEnd(bytes - 1, 'x')));

describe('the same to the byte', () => {
  const attempts: Readonly<Record<string, [Attempt, number]>> = {
    'a wrong password': [{ password: 'wrong' }, 1045],
    'no password': [{ password: '' }, 1045],
    'a schema that there is not, or without a right to it': [{ database: 'nowhere' }, 1044],
    'USE of one': [{ afterwards: commandPacket(command.initDb, Buffer.from('nowhere')) }, 1044],
    'a plugin that the client has not': [{ user: 'signed', without: capability.pluginAuth }, 1251],
  };
  test.each(Object.entries(attempts))('%s', async (_name, [attempt, errno]) => {
    const { server, router } = await both(attempt);
    expect(server.errno).toBe(errno);
    expect(router).toEqual(server);
  });

  test('a plugin that is not the account’s is asked for again', async () => {
    const { server, router } = await both({ plugin: 'nonsense' });
    expect(server).toBe('asked for mysql_native_password');
    expect(router).toBe(server);
  });

  test('a statement as long as max_allowed_packet, and one that is a byte shorter', async () => {
    const tooLong = queryOf(mebibyte);
    // A server says no to the header and closes: had it more to read, its reset could overtake its word.
    const server = await refusalBy(serverAt(stack.primary), {
      afterwards: tooLong.subarray(0, headerBytes + 1),
    });
    expect(server).toMatchObject({ errno: 1153, sequenceId: 1 });
    for (const afterwards of [tooLong, queryOf(3 * mebibyte)]) {
      expect(await refusalBy(routerAt(stack.port), { afterwards })).toEqual(server);
    }
    const { server: answer, router } = await both({ afterwards: queryOf(mebibyte - 1) });
    expect([answer, router]).toEqual(['an answer', 'an answer']);
  });

  test('a statement of several packets that is longer than max_allowed_packet', async () => {
    await stack.primary.run(`SET GLOBAL max_allowed_packet = ${20 * mebibyte}`);
    const { router, port } = await another({});
    const allowed = queryOf(20 * mebibyte - 1);
    const tooLong = queryOf(20 * mebibyte);
    expect(await refusalBy(routerAt(port), { afterwards: allowed })).toBe('an answer');
    const server = await refusalBy(serverAt(stack.primary), {
      afterwards: tooLong.subarray(0, 2 * headerBytes + maxPayloadBytes + 1),
    });
    expect(server).toMatchObject({ errno: 1153, sequenceId: 2 });
    expect(await refusalBy(routerAt(port), { afterwards: tooLong })).toEqual(server);
    router.close();
    await stack.primary.run(`SET GLOBAL max_allowed_packet = ${mebibyte}`);
  });

  test('too many connections', async () => {
    await stack.primary.run('SET GLOBAL max_connections = 10');
    const held = Array.from({ length: 12 }, () => connect(serverAt(stack.primary)));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const server = await refusalBy(serverAt(stack.primary), {});
    for (const socket of held) socket.destroy();
    await stack.primary.run('SET GLOBAL max_connections = 151');
    const { router: full, port } = await another({ maxClientConnections: 0 });
    const router = await refusalBy(routerAt(port), {});
    full.close();
    expect((server as Refusal).errno).toBe(1040);
    expect(router).toEqual(server);
  });

  test('no TLS where it is needed', async () => {
    await stack.primary.run('SET GLOBAL require_secure_transport = ON');
    const server = await refusalBy(serverAt(stack.primary), {});
    await stack.primary.run('SET GLOBAL require_secure_transport = OFF');
    const option = (name: string) => certificate.options.find((each) => each.startsWith(`${name}=`)) ?? '';
    const pem = (name: string) => readFileSync(option(name).slice(name.length + 1), 'utf8');
    const tls = { cert: pem('ssl-cert'), key: pem('ssl-key') };
    const listen = { host: '127.0.0.1', port: 0, tls, requireTls: true };
    const { router: strict, port } = await another({ listen });
    const router = await refusalBy(routerAt(port), {});
    strict.close();
    expect((server as Refusal).errno).toBeGreaterThan(0);
    expect(router).toEqual(server);
  });
});

test('an account that the router does not know: as the server says it, and a hint', async () => {
  const { server, router } = await both({ user: 'nobody' });
  expect(server.errno).toBe(1045);
  expect(router.message.startsWith(server.message)).toBe(true);
  expect(router.message).toContain('stack file');
  expect({ ...router, message: '' }).toEqual({ ...server, message: '' });
});
