/**
 * The decision core's SQL effects on the local server, each safe to repeat. Every statement has a time limit; one that
 * ran into it was ended on the server before its effect is reported as unknown, so that it can't act later.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAnswer, type MariadbConnection } from '#src/adapters/mariadb/connection.ts';
import { mariadbDialect as dialect, quote, quoteName } from '#src/adapters/mariadb/dialect.ts';
import { changeSource } from '#src/adapters/mariadb/replication.ts';
import type { DatabaseEffect } from '#src/ha/effects.ts';
import { isEpochServerId } from '#src/ha/keys.ts';
import { replicationAccount } from '../database/accounts.ts';
import type { DatabaseMember } from '../database/member.ts';
import { readPasswords } from '../database/passwords.ts';
import { withPathClosed } from './fence.ts';
import { replayRelayLog } from './replay.ts';
import { drain, endWritingTransactions, type Say } from './transactions.ts';

const { semiSync, gtid } = dialect;

/** Statements that only set something. */
const quickMs = 1_500;
/** A thread's stop waits for the event group that it is in, and for a source that is gone. */
const threadMs = 4_000;
const acceptMs = 100;
const closeAttemptMs = 100;
const closePauseMs = 25;
/** MariaDB's own default: a flush for so many events. */
const lazyRelaySync = 10_000;

/** The effects that are SQL; the others of the channel work on files too. */
export type StatementEffect = Exclude<DatabaseEffect, { kind: 'saveErrant' | 'clone' }>;

export async function runStatement(
  member: DatabaseMember,
  connection: MariadbConnection,
  effect: StatementEffect,
  say: Say,
): Promise<void> {
  const run = (sql: string, timeoutMs = quickMs) => connection.rows(sql, [], timeoutMs);
  const set = (name: string, value: number | string) => run(`SET GLOBAL ${name} = ${value}`);
  switch (effect.kind) {
    case 'startSqlThread':
      await run('START SLAVE SQL_THREAD', threadMs);
      return;
    case 'stopIoThread':
      if (effect.closePath) await stopReceiving(member, connection);
      else await run('STOP SLAVE IO_THREAD', threadMs);
      return;
    case 'replayRelay':
      await replayRelayLog(member, connection);
      return;
    case 'forgetSource':
      await run('STOP SLAVE', threadMs);
      await run('RESET SLAVE ALL', threadMs);
      return;
    case 'setServerId':
      await set('server_id', effect.serverId);
      if (isEpochServerId(effect.serverId)) await endSessions(connection);
      return;
    case 'writeMarker':
      await connection.rows(
        'INSERT IGNORE INTO tandem.epoch (epoch, stack_id, holder) VALUES (?, ?, ?)',
        [effect.epoch, effect.stackId, member.self],
        quickMs,
      );
      return;
    case 'sourceOn':
      await set(semiSync.replicaEnabled, 0);
      await set(semiSync.sourceEnabled, 1);
      return;
    case 'sourceOff':
      await set(semiSync.sourceEnabled, 0);
      return;
    case 'openServer':
      await set('read_only', 0);
      await set('event_scheduler', 'ON');
      return;
    case 'closeServer':
      if (effect.drain) await drain(member, connection, say);
      await closeServer(connection);
      return;
    case 'changeSource':
      await follow(member, connection, effect.source, effect.acknowledge);
      return;
    case 'setAcknowledging':
      await prepareReceiver(connection, effect.on);
      await stopReceiving(member, connection);
      await run('START SLAVE IO_THREAD', threadMs);
      if (effect.on) await acknowledging(connection);
      return;
    case 'flushEvents':
      await set('sync_relay_log', 1);
      return;
    case 'reconnect':
      if (!(await accepts(member.addressOf(effect.source), member.config.port))) return;
      await prepareReceiver(connection, effect.acknowledge);
      await run('STOP SLAVE IO_THREAD', threadMs);
      await run('START SLAVE IO_THREAD', threadMs);
      return;
    case 'denyReplica':
    case 'allowReplica':
      await lockAccount(connection, effect.member, effect.kind === 'denyReplica');
      return;
    default:
      effect satisfies never;
  }
}

/**
 * A session keeps the server id that it began with, and would write under it (docs/mariadb-behaviour.md). So whoever
 * was connected while this was a replica has to connect again; the agent too.
 */
async function endSessions(connection: MariadbConnection): Promise<void> {
  const sessions = await connection.rows(
    `SELECT ID AS id FROM information_schema.PROCESSLIST
      WHERE ID <> CONNECTION_ID() AND User <> 'system user' AND Command NOT LIKE 'Binlog Dump%'`,
    [],
    quickMs,
  );
  for (const { id } of sessions)
    await connection.rows(`KILL ${Number(id)}`, [], quickMs).catch(() => undefined);
  connection.close();
}

/**
 * How the IO thread is to receive once it is started again. A flush for each event (docs/mariadb-behaviour.md) is too
 * slow a pace for a member that nobody waits for; one that acknowledges begins with it by an effect of its own.
 */
async function prepareReceiver(connection: MariadbConnection, acknowledge: boolean): Promise<void> {
  if (!acknowledge) await connection.rows(`SET GLOBAL sync_relay_log = ${lazyRelaySync}`, [], quickMs);
  await connection.rows(`SET GLOBAL ${semiSync.replicaEnabled} = ${acknowledge ? 1 : 0}`, [], quickMs);
}

/** A moment for the new connection, so that the next look shows it: the primary waits for that, and goes on meanwhile. */
async function acknowledging(connection: MariadbConnection): Promise<void> {
  const deadline = performance.now() + acceptMs;
  while (performance.now() < deadline) {
    const row = await connection.row(`SHOW GLOBAL STATUS LIKE '${semiSync.replicaActive}'`, [], quickMs);
    if (row?.['Value'] === 'ON') return;
    await sleep(10);
  }
}

/** With the path to the source closed: otherwise the stop waits seconds for a source that is frozen or cut off. */
async function stopReceiving(member: DatabaseMember, connection: MariadbConnection): Promise<void> {
  const row = await connection.row('SHOW REPLICA STATUS', [], quickMs);
  const source = String(row?.['Master_Host'] ?? '');
  await withPathClosed(member, source, () => connection.rows('STOP SLAVE IO_THREAD', [], threadMs));
}

/** A receiver that hangs in a connection attempt can't be stopped soon; so only one that would succeed is started. */
function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: acceptMs });
    const done = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
  });
}

/**
 * Read-only waits for transactions that have written, and keeps others from writing meanwhile: of two that wait for each
 * other's rows neither ends then. So it is tried for moments, with room in between; behind commits that wait it hangs.
 */
async function closeServer(connection: MariadbConnection): Promise<void> {
  const deadline = performance.now() + quickMs;
  for (;;) {
    try {
      await connection.rows('SET GLOBAL read_only = 1', [], closeAttemptMs);
      break;
    } catch (error) {
      if (isAnswer(error) || performance.now() > deadline) throw error;
      await sleep(closePauseMs);
    }
  }
  await connection.rows('SET GLOBAL event_scheduler = OFF', [], quickMs);
}

async function follow(
  member: DatabaseMember,
  connection: MariadbConnection,
  source: string,
  acknowledge: boolean,
): Promise<void> {
  const present = await connection.row('SHOW REPLICA STATUS', [], quickMs);
  if (present !== undefined) {
    await withPathClosed(member, String(present['Master_Host']), () =>
      connection.rows('STOP SLAVE', [], threadMs),
    );
  }
  await endWritingTransactions(connection);
  await connection.rows(`SET GLOBAL ${gtid.applied} = @@global.${gtid.binlog}`, [], quickMs);
  await prepareReceiver(connection, acknowledge);
  const { replication } = await readPasswords(member.config.passwordsFile);
  await changeSource(connection, {
    host: member.addressOf(source),
    port: member.config.port,
    user: replicationAccount(member.self),
    password: replication,
    ca: member.caFile,
  });
  await connection.rows('START SLAVE', [], threadMs);
}

/** On this server alone: the lock says who may follow *it*. */
async function lockAccount(connection: MariadbConnection, name: string, lock: boolean): Promise<void> {
  const account = replicationAccount(name);
  await connection.rows('SET SESSION sql_log_bin = 0', [], quickMs);
  try {
    await connection.rows(
      `ALTER USER ${quoteName(account)}@'%' ACCOUNT ${lock ? 'LOCK' : 'UNLOCK'}`,
      [],
      quickMs,
    );
  } finally {
    await connection.rows('SET SESSION sql_log_bin = 1', [], quickMs);
  }
  if (!lock) return;
  const streams = await connection.rows(
    `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE User = ${quote(account)}`,
    [],
    quickMs,
  );
  for (const { id } of streams)
    await connection.rows(`KILL ${Number(id)}`, [], quickMs).catch(() => undefined);
}
