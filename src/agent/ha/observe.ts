/**
 * What the local server says, as the decision core wants it. Variables, status and the marker table only: SHOW MASTER
 * STATUS and SHOW BINARY LOGS hang behind commits that wait (docs/mariadb-behaviour.md).
 */
import { statfsSync } from 'node:fs';
import type { MariadbConnection, Row } from '#src/adapters/mariadb/connection.ts';
import { mariadbDialect as dialect } from '#src/adapters/mariadb/dialect.ts';
import { contains, emptyPosition, type Position, parsePosition } from '#src/gtid/position.ts';
import type { Replication, RunningServer } from '#src/ha/observation.ts';
import { memberOfReplicationAccount, replicationAccountPattern } from '../database/accounts.ts';
import type { DatabaseMember } from '../database/member.ts';
import type { RelayLog } from './relay-log.ts';

const { semiSync, gtid } = dialect;

/** Below this a commit may fail at any moment; above twice of it the disk counts as usable again. */
const diskFullBytes = 24 * 1024 * 1024;

/** IO errors that trying again doesn't cure: the source lacks what this member needs, or this member has too much. */
const lastingIoErrors: ReadonlySet<number> = new Set([1236, 1950]);

const accounts = `User LIKE '${replicationAccountPattern}'`;

/** One round trip for all variables. The marker is read from the replicated table, so it is what the data says. */
const variablesSql = `SELECT @@global.server_id AS server_id, @@global.read_only AS read_only,
  @@global.${gtid.binlog} AS applied, @@global.${semiSync.sourceEnabled} AS source_enabled,
  @@global.${semiSync.replicaEnabled} AS replica_enabled, @@global.sync_relay_log AS relay_sync,
  (SELECT CONCAT(epoch, ' ', stack_id) FROM tandem.epoch ORDER BY epoch DESC LIMIT 1) AS marker,
  (SELECT GROUP_CONCAT(User) FROM mysql.global_priv
    WHERE ${accounts} AND JSON_VALUE(Priv, '$.account_locked') = true) AS denied`;
const statusSql = `SHOW GLOBAL STATUS WHERE Variable_name IN
  ('${semiSync.sourceWaiting}', '${semiSync.sourceConfirmed}', '${semiSync.replicaActive}')`;

export class Observer {
  readonly #member: DatabaseMember;
  readonly #connection: MariadbConnection;
  readonly #relayLog: RelayLog;
  #diskFull = false;
  /** Replication lag of the last observation; for people. */
  lagSeconds: number | null = null;

  constructor(member: DatabaseMember, connection: MariadbConnection, relayLog: RelayLog) {
    this.#member = member;
    this.#connection = connection;
    this.#relayLog = relayLog;
  }

  /** Rejects when the server doesn't answer in time. */
  async observe(timeoutMs: number): Promise<RunningServer> {
    const connection = this.#connection;
    const variables = (await connection.row(variablesSql, [], timeoutMs)) ?? {};
    const status = new Map(
      (await connection.rows(statusSql, [], timeoutMs)).map((row) => [
        String(row['Variable_name']).toLowerCase(),
        String(row['Value']),
      ]),
    );
    const replica = await connection.row('SHOW REPLICA STATUS', [], timeoutMs);
    // The processes' list would be a temporary file at each look.
    const replicas = replica === undefined ? await connection.rows('SHOW REPLICA HOSTS', [], timeoutMs) : [];
    this.lagSeconds =
      replica?.['Seconds_Behind_Master'] == null ? null : Number(replica['Seconds_Behind_Master']);
    const value = (name: string): string => status.get(name.toLowerCase()) ?? '';
    const text = (name: string): string => String(variables[name] ?? '');
    const [epoch = '0', stackId = null] = text('marker') === '' ? [] : text('marker').split(' ');
    const applied = positionOf(text('applied'));
    const replication = replica === undefined ? null : this.#replication(replica);
    const stopped = replication !== null && !replication.ioRunning && !replication.sqlRunning;
    const received = replica === undefined ? applied : await this.#received(replica, applied, stopped);
    const ioState = replica === undefined ? 'No' : String(replica['Slave_IO_Running']);
    const wanted = Number(variables['replica_enabled']) === 1;
    return {
      state: 'up',
      serverId: Number(variables['server_id']),
      readOnly: Number(variables['read_only']) !== 0,
      stackId,
      markerEpoch: Number(epoch),
      applied,
      received,
      relayUnread: stopped && received !== null && !contains(applied, received),
      replication,
      semiSyncSource: Number(variables['source_enabled']) === 1,
      waitingCommits: Number(value(semiSync.sourceWaiting)),
      confirmations: Number(value(semiSync.sourceConfirmed)),
      // By `report_host`, which is the member's name.
      replicas: [...new Set(replicas.map((row) => String(row['Host'])))],
      // A connection keeps the setting it began with, which the status tells; one that is still tried takes the variable's.
      acknowledging:
        ioState !== 'No' && (value(semiSync.replicaActive) === 'ON' || (!isConnected(ioState) && wanted)),
      flushesEvents: Number(variables['relay_sync']) === 1,
      denied: this.#members(text('denied')),
      truncated: await this.#member.truncatedAt(text('applied')),
      diskFull: this.isDiskFull(),
    };
  }

  #replication(row: Row): Replication {
    const text = (name: string): string => String(row[name] ?? '');
    const ioErrno = Number(row['Last_IO_Errno'] ?? 0);
    const sqlError = text('Last_SQL_Error');
    const ioError = lastingIoErrors.has(ioErrno) ? text('Last_IO_Error') : '';
    return {
      source: this.#member.nameOf(text('Master_Host')),
      ioRunning: text('Slave_IO_Running') !== 'No',
      connected: isConnected(text('Slave_IO_Running')),
      sqlRunning: text('Slave_SQL_Running') === 'Yes',
      error: sqlError !== '' ? sqlError : ioError !== '' ? ioError : null,
    };
  }

  /** Null when it isn't known: after a restart the server has forgotten it, and the relay log's files must say. */
  async #received(row: Row, applied: Position, stopped: boolean): Promise<Position | null> {
    const text = String(row['Gtid_IO_Pos'] ?? '');
    if (text !== '') {
      const received = positionOf(text);
      return contains(received, applied) ? received : applied;
    }
    // While a thread runs in GTID mode the relay log began at what is applied.
    return stopped ? this.#relayLog.received(applied) : applied;
  }

  #members(list: string): string[] {
    return list === '' ? [] : list.split(',').map(memberOfReplicationAccount);
  }

  /** Also of a server that is down. */
  isDiskFull(): boolean {
    // From the kernel's memory, whatever the disk does; the way through the thread pool costs ten times as much.
    const { bavail, bsize } = statfsSync(this.#member.config.dataDirectory);
    const free = bavail * bsize;
    this.#diskFull = free < (this.#diskFull ? 2 * diskFullBytes : diskFullBytes);
    return this.#diskFull;
  }
}

/** "Preparing" is a connection on which no event has come yet, which on a quiet source takes until its next heartbeat. */
function isConnected(ioRunning: string): boolean {
  return ioRunning === 'Yes' || ioRunning === 'Preparing';
}

function positionOf(text: string): Position {
  const position = text === '' ? emptyPosition : parsePosition(text);
  if (position === undefined) throw new Error(`MariaDB gave a position that can't be read: ${text}`);
  return position;
}
