import assert from 'node:assert/strict';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { caughtUp } from '#test/real/mariadb/replication.ts';
import { disposeServers, type MariadbServer, removeDirectories } from '#test/real/mariadb/server.ts';
import { serverCertificate } from '#test/real/router/certificates.ts';
import { RouterProcess } from '#test/real/router/process.ts';
import { memberOf, startServers } from '#test/real/router/stack.ts';
import { pssBytes } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import { RawClient } from '#test/wire/raw-client.ts';
import type { Evidence, OwnPoint } from './point.ts';
import { largeThings } from './router-6-large.ts';
import { ask, type Counts, mebibyte, mib, peakDuring } from './router-6-memory.ts';

const idleLimitBytes = 200 * mebibyte;
const serverConnectionLimit = 200;
const connectsPerSecondGoal = 1_000;
const sideBySide = 32;

/** Does `work` for 0 … count - 1, some side by side. */
async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
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
