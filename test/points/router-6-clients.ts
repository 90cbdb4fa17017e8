import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket, packetOf } from '#src/mysql-wire/framing.ts';
import { caughtUp } from '#test/real/mariadb/replication.ts';
import { disposeServers, type MariadbServer, removeDirectories } from '#test/real/mariadb/server.ts';
import { serverCertificate } from '#test/real/router/certificates.ts';
import { RouterProcess } from '#test/real/router/process.ts';
import { memberOf, startServers } from '#test/real/router/stack.ts';
import { pssBytes } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import { RawClient } from '#test/wire/raw-client.ts';
import type { Evidence, OwnPoint } from './point.ts';

interface Counts {
  readonly idleClients: number;
  readonly connects: number;
  readonly resultBytes: number;
  readonly packetBytes: number;
  readonly stalledClients: number;
  readonly stalledSeconds: number;
  /** Only the full run holds rates to their goal: other work shares the machine. */
  readonly strict: boolean;
}

const mebibyte = 2 ** 20;
const idleLimitBytes = 200 * mebibyte;
const serverConnectionLimit = 200;
/** Of the router, beyond what it had before: buffers of two sockets, and garbage that is not yet collected. */
const growthLimitBytes = 64 * mebibyte;
const connectsPerSecondGoal = 1_000;
const sideBySide = 32;

const mib = (bytes: number) => Math.round((bytes / mebibyte) * 10) / 10;

/** The most memory that the router had while `work` ran, in bytes. */
async function peakDuring<T>(pid: number, work: Promise<T>): Promise<{ result: T; peak: number }> {
  let peak = pssBytes(pid);
  const timer = setInterval(() => {
    peak = Math.max(peak, pssBytes(pid));
  }, 100);
  try {
    const result = await work;
    return { result, peak: Math.max(peak, pssBytes(pid)) };
  } finally {
    clearInterval(timer);
  }
}

/** Does `work` for 0 … count - 1, some side by side. */
async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
}

async function ask(client: RawClient, sql: string): Promise<void> {
  client.received = Buffer.alloc(0);
  client.socket.write(commandPacket(command.query, Buffer.from(sql)));
  await client.until(7, 20_000);
  const first = client.payloads()[0]?.[0];
  assert.ok(first !== undefined && first !== 0xff, `${sql}: ${client.received.toString('latin1', 0, 200)}`);
}

/** A client that counts what comes and keeps nothing of it. */
async function countingClient(path: string): Promise<{ socket: Socket; bytes: () => number }> {
  const { socket } = await RawClient.loggedIn(path);
  socket.removeAllListeners('data');
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  return { socket, bytes: () => bytes };
}

function rowsOf(bytes: number): string {
  return `SELECT REPEAT('x', ${mebibyte}) FROM seq_1_to_${Math.ceil(bytes / mebibyte)}`;
}

async function readAll(socket: Socket, count: () => number, bytes: number): Promise<number> {
  const startedMs = performance.now();
  const from = count();
  while (count() - from < bytes) {
    assert.ok(!socket.destroyed, 'the router closed the connection');
    assert.ok(performance.now() - startedMs < 120_000, `only ${mib(count() - from)} MiB came in two minutes`);
    await sleep(5);
  }
  return performance.now() - startedMs;
}

async function connections(server: MariadbServer): Promise<number> {
  return Number(
    await server.value(
      "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'THREADS_CONNECTED'",
    ),
  );
}

/** Many that come, ask and stay, then as many as possible that come, ask and go. */
async function manyClients(
  router: RouterProcess,
  servers: readonly MariadbServer[],
  { idleClients, connects, strict }: Counts,
  log: (line: string) => void,
): Promise<Evidence> {
  const before = pssBytes(router.pid);
  const clients: RawClient[] = [];
  await inParallel(idleClients, async (index) => {
    const client = await RawClient.loggedIn(router.socketPath);
    await ask(
      client,
      index % 10 === 0 ? `INSERT INTO test.t (n) VALUES (${index})` : 'SELECT MAX(id) FROM test.t',
    );
    clients.push(client);
  });
  await sleep(3_000);
  const idle = pssBytes(router.pid);
  const atServers = await Promise.all(servers.map(connections));
  log(`${idleClients} idle: ${mib(idle)} MiB, ${atServers.join(' and ')} server connections`);
  // They are not only there: each of them still gets its answer.
  await inParallel(idleClients, (index) => ask(clients[index] as RawClient, 'SELECT COUNT(*) FROM test.t'));
  const afterUse = pssBytes(router.pid);
  const busiest = await Promise.all(servers.map(connections));
  const startedMs = performance.now();
  const { peak } = await peakDuring(
    router.pid,
    inParallel(connects, async () => {
      const client = await RawClient.loggedIn(router.socketPath);
      await ask(client, 'SELECT 1');
      client.socket.end(commandPacket(command.quit));
    }),
  );
  const perSecond = connects / ((performance.now() - startedMs) / 1_000);
  log(`${Math.round(perSecond)} connects a second beside them`);
  for (const client of clients) client.socket.destroy();
  assert.ok(idle <= idleLimitBytes, `${idleClients} idle clients: ${mib(idle)} MiB`);
  assert.ok(afterUse <= idleLimitBytes, `${idleClients} clients that asked again: ${mib(afterUse)} MiB`);
  for (const count of [...atServers, ...busiest])
    assert.ok(count <= serverConnectionLimit, `${count} connections`);
  if (strict) assert.ok(perSecond >= connectsPerSecondGoal, `${Math.round(perSecond)} connects a second`);
  return {
    startMiB: mib(before),
    idleMiB: mib(idle),
    afterUseMiB: mib(afterUse),
    whileConnectingMiB: mib(peak),
    serverConnections: atServers,
    serverConnectionsInUse: busiest,
    connectsPerSecond: Math.round(perSecond),
  };
}

async function largeThings(
  router: RouterProcess,
  { resultBytes, packetBytes, stalledClients, stalledSeconds }: Counts,
  log: (line: string) => void,
): Promise<Evidence> {
  const before = pssBytes(router.pid);
  const reader = await countingClient(router.socketPath);
  reader.socket.write(commandPacket(command.query, Buffer.from(rowsOf(resultBytes))));
  const result = await peakDuring(router.pid, readAll(reader.socket, reader.bytes, resultBytes));
  reader.socket.destroy();
  log(`${mib(resultBytes)} MiB read in ${Math.round(result.result)} ms, peak ${mib(result.peak)} MiB`);

  const writer = await RawClient.loggedIn(router.socketPath);
  const statement = Buffer.alloc(packetBytes, 'x');
  statement.write("\x03SELECT LENGTH('", 'latin1');
  statement.write("')", packetBytes - 2, 'latin1');
  writer.received = Buffer.alloc(0);
  writer.socket.write(packetOf(statement, 0));
  const packet = await peakDuring(router.pid, writer.until(40, 60_000));
  assert.equal(
    writer.payloads()[0]?.[0],
    0,
    `the large packet: ${writer.received.toString('latin1', 0, 200)}`,
  );
  writer.socket.destroy();
  log(`a packet of ${mib(packetBytes)} MiB, peak ${mib(packet.peak)} MiB`);

  const stalled = await Promise.all(
    Array.from({ length: stalledClients }, () => countingClient(router.socketPath)),
  );
  for (const { socket } of stalled) {
    socket.pause();
    socket.write(commandPacket(command.query, Buffer.from(rowsOf(resultBytes))));
  }
  const stall = await peakDuring(router.pid, sleep(stalledSeconds * 1_000));
  log(`${stalledClients} clients that do not read, peak ${mib(stall.peak)} MiB`);
  const others = await RawClient.loggedIn(router.socketPath);
  await ask(others, 'SELECT 1');
  const [first, ...rest] = stalled;
  for (const { socket } of rest) socket.destroy();
  if (first !== undefined) {
    first.socket.resume();
    await readAll(first.socket, first.bytes, resultBytes);
    first.socket.destroy();
  }
  for (const [what, { peak }] of Object.entries({ result, packet, stall })) {
    assert.ok(peak - before <= growthLimitBytes, `${what}: from ${mib(before)} to ${mib(peak)} MiB`);
  }
  return {
    startMiB: mib(before),
    result: {
      MiB: mib(resultBytes),
      peakMiB: mib(result.peak),
      seconds: Math.round(result.result / 100) / 10,
    },
    packet: { MiB: mib(packetBytes), peakMiB: mib(packet.peak) },
    stalled: { clients: stalledClients, seconds: stalledSeconds, peakMiB: mib(stall.peak) },
  };
}

export const routerClients: OwnPoint<Counts> = {
  kind: 'own',
  id: 'router-6',
  title:
    '5,000 idle clients within 200 MiB and 200 server connections; 1,000 connects a second; large things stream through',
  inSuite: false,
  small: {
    idleClients: 500,
    connects: 1_000,
    resultBytes: 128 * mebibyte,
    packetBytes: 64 * mebibyte,
    stalledClients: 4,
    stalledSeconds: 2,
    strict: false,
  },
  full: {
    idleClients: 5_000,
    connects: 10_000,
    resultBytes: 1_024 * mebibyte,
    packetBytes: 64 * mebibyte,
    stalledClients: 20,
    stalledSeconds: 10,
    strict: true,
  },
  async run(_place, { counts, log }) {
    const { ca, options } = serverCertificate();
    const running: RouterProcess[] = [];
    try {
      const { primary, replica } = await startServers({
        serverOptions: [...options, 'max-connections=200', 'max-allowed-packet=128M'],
      });
      if (replica === undefined) throw new Error('no replica');
      await primary.run('CREATE TABLE test.t (id INT AUTO_INCREMENT PRIMARY KEY, n INT)');
      await caughtUp(replica, primary);
      const start = async (): Promise<RouterProcess> => {
        const members = [memberOf(primary, 'db-1', 'primary'), memberOf(replica, 'db-2', 'replica')];
        const router = await RouterProcess.start(members, { serverTls: { ca } });
        running.push(router);
        return router;
      };
      const clients = await manyClients(await start(), [primary, replica], counts, log);
      // A fresh one: what the many left behind would hide what a large result takes.
      const large = await largeThings(await start(), counts, log);
      return { clients, large };
    } finally {
      for (const router of running) await router.kill();
      await disposeServers();
      removeDirectories();
    }
  },
};
