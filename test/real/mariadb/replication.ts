/** Replication between the throw-away servers: attaching, positions, acknowledgement. */

import type { Connection } from 'mysql2/promise';
import { PASSWORD } from './data-directory.ts';
import { MariadbServer, type ServerOption } from './server.ts';
import { inBackground, waitFor } from './wait.ts';

/** The source side of semi-sync on: commits wait for an acknowledgement. */
export const SOURCE_SIDE: ServerOption = 'rpl-semi-sync-master-enabled=ON';
/** The replica side of semi-sync on: what is received is acknowledged. */
export const REPLICA_SIDE: ServerOption = 'rpl-semi-sync-slave-enabled=ON';

/** The statement that points a replica at `primary`, or at a forwarder's `port`. */
export function changeMaster(primary: MariadbServer, useGtid = 'slave_pos', port = primary.port): string {
  return (
    `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${port}, MASTER_USER='repl', ` +
    `MASTER_PASSWORD='${PASSWORD}', MASTER_USE_GTID=${useGtid}, MASTER_CONNECT_RETRY=1`
  );
}

/** Attaches `replica` by GTID and waits until its IO thread is connected. */
export async function attach(replica: MariadbServer, primary: MariadbServer, port?: number): Promise<void> {
  await replica.run(changeMaster(primary, 'slave_pos', port), 'START SLAVE');
  await ioRunning(replica);
}

/** One field of SHOW SLAVE STATUS, as text; '' when the server replicates from nobody. */
export async function replicaStatus(replica: MariadbServer, field: string): Promise<string> {
  return String((await replica.rows('SHOW SLAVE STATUS'))[0]?.[field] ?? '');
}

export async function ioRunning(replica: MariadbServer): Promise<void> {
  await waitFor(
    'a connected IO thread',
    async () => (await replicaStatus(replica, 'Slave_IO_Running')) === 'Yes',
  );
}

/**
 * A replica that stops ends its connection at the source by a KILL of its own; where that fails the source notices with its next
 * heartbeat, every 30 s by default.
 */
const noticesWithinMs = 40_000;

/** Waits until the source counts `count` semi-sync replicas. */
export async function acknowledgers(primary: MariadbServer, count: number): Promise<void> {
  await waitFor(
    `${count} acknowledging replicas`,
    async () => (await primary.status('Rpl_semi_sync_master_clients')) === String(count),
    noticesWithinMs,
  );
}

/**
 * Waits until `count` commits are held up by a missing acknowledgement: the first says so in its state, those
 * behind it (in `Commit`) wait for its lock and are counted by no status variable.
 */
export async function waitingCommits(primary: MariadbServer, count: number): Promise<void> {
  const held =
    'SELECT COUNT(*), SUM(state LIKE "Waiting for semi-sync ACK%") FROM information_schema.processlist ' +
    'WHERE state LIKE "Waiting for semi-sync ACK%" OR state = "Commit"';
  await waitFor(`${count} waiting commits`, async () => {
    const [all, first] = Object.values((await primary.rows(held))[0] ?? {}).map(Number);
    return all === count && first === 1;
  });
}

/** The last transaction in the binary log. */
export function written(server: MariadbServer): Promise<string> {
  return server.value('SELECT @@gtid_binlog_pos');
}

/**
 * Waits until all that `primary` has written can be read on `replica`. Its gtid_binlog_pos wouldn't do: that moves
 * when the binary log is written, shortly before the rows can be seen.
 */
export async function caughtUp(
  replica: MariadbServer,
  primary: MariadbServer,
  limitSeconds = 10,
): Promise<void> {
  const position = await written(primary);
  const reached = await replica.value(`SELECT MASTER_GTID_WAIT('${position}', ${limitSeconds})`);
  if (reached !== '0') throw new Error(`waited ${limitSeconds} s in vain for ${position}`);
}

/** The `id`s of the table `test.t`, as '1,2,3'. */
export function ids(server: MariadbServer): Promise<string> {
  return server.value('SELECT GROUP_CONCAT(id ORDER BY id) FROM test.t');
}

/** A statement under way on a connection of its own. */
export interface Submitted {
  readonly connection: Connection;
  /** Ends with the statement; nobody has to await it. */
  readonly done: Promise<unknown>;
}

/** Sends `sql` on a new connection and doesn't wait for its end: it may wait for an acknowledgement. */
export async function submit(server: MariadbServer, sql: string): Promise<Submitted> {
  const connection = await server.connect({ multipleStatements: true });
  return { connection, done: inBackground(connection.query(sql)) };
}

/** The statement that adds `id` to `test.t`. */
export function insert(id: number): string {
  return `INSERT INTO test.t VALUES (${id})`;
}

/**
 * A primary (server_id 1) and replicas (2, 3, ...) that acknowledge, attached, with an empty `test.t` on each and
 * the source side of semi-sync on. `replica` is the first one.
 */
export async function semiSyncGroup(
  replicas: number,
  options: readonly ServerOption[] = [],
): Promise<{ primary: MariadbServer; replica: MariadbServer; replicas: readonly MariadbServer[] }> {
  const started = async (name: string, serverId: number, ...start: ServerOption[]) =>
    (await MariadbServer.create(name, [`server-id=${serverId}`, ...options])).start(...start);
  const [primary, ...members] = await Promise.all([
    started('primary', 1),
    ...Array.from({ length: replicas }, (_, index) =>
      started(`replica-${index + 1}`, index + 2, REPLICA_SIDE),
    ),
  ]);
  await primary.run('CREATE TABLE test.t (id INT PRIMARY KEY) ENGINE=InnoDB');
  await Promise.all(members.map((member) => attach(member, primary)));
  await acknowledgers(primary, replicas);
  await primary.run('SET GLOBAL rpl_semi_sync_master_enabled=ON');
  for (const member of members) await caughtUp(member, primary);
  const [replica] = members;
  if (replica === undefined) throw new Error('a group has at least one replica');
  return { primary, replica, replicas: members };
}
