/**
 * What a server says about itself: by variables and status only. SHOW MASTER STATUS and SHOW BINARY LOGS hang while
 * commits wait for an acknowledgement (seen on 10.11.19), so they are never part of a probe.
 */
import type { MariadbConnection, Row } from './connection.ts';
import { mariadbDialect as dialect } from './dialect.ts';

export interface ServerProbe {
  readonly version: string;
  readonly serverId: number;
  readonly readOnly: boolean;
  readonly binlogPosition: string;
  readonly appliedPosition: string;
  readonly sourceEnabled: boolean;
  readonly replicaEnabled: boolean;
  /** Replicas that acknowledge this server's commits now. */
  readonly acknowledging: number;
  /** Commits that wait for an acknowledgement. */
  readonly waitingCommits: number;
  /** The semi-sync replica side is on and connected to a source. */
  readonly replicaActive: boolean;
  readonly uptimeSeconds: number;
}

export interface ReplicaStatus {
  readonly sourceHost: string;
  readonly sourcePort: number;
  readonly ioThread: 'running' | 'connecting' | 'stopped';
  readonly sqlThread: 'running' | 'stopped';
  readonly usesGtid: boolean;
  readonly tls: boolean;
  readonly receivedPosition: string;
  readonly lagSeconds: number | null;
  readonly lastError: string | undefined;
}

const { semiSync, gtid } = dialect;

const probeSql = `SELECT @@version AS version, @@server_id AS server_id, @@global.read_only AS read_only,
  @@global.${gtid.binlog} AS binlog_position, @@global.${gtid.applied} AS applied_position,
  @@global.${semiSync.sourceEnabled} AS source_enabled, @@global.${semiSync.replicaEnabled} AS replica_enabled`;
const statusNames = [semiSync.sourceClients, semiSync.sourceWaiting, semiSync.replicaActive, 'Uptime'];
const statusSql = `SHOW GLOBAL STATUS WHERE Variable_name IN (${statusNames.map((name) => `'${name}'`).join()})`;

export async function probe(connection: MariadbConnection, timeoutMs = 1_000): Promise<ServerProbe> {
  const variables = (await connection.row(probeSql, [], timeoutMs)) ?? {};
  const status = new Map(
    (await connection.rows(statusSql, [], timeoutMs)).map((row) => [
      String(row['Variable_name']).toLowerCase(),
      String(row['Value']),
    ]),
  );
  const value = (name: string) => status.get(name.toLowerCase()) ?? '';
  return {
    version: String(variables['version']),
    serverId: Number(variables['server_id']),
    readOnly: Number(variables['read_only']) !== 0,
    binlogPosition: String(variables['binlog_position'] ?? ''),
    appliedPosition: String(variables['applied_position'] ?? ''),
    sourceEnabled: Number(variables['source_enabled']) === 1,
    replicaEnabled: Number(variables['replica_enabled']) === 1,
    acknowledging: Number(value(semiSync.sourceClients)),
    waitingCommits: Number(value(semiSync.sourceWaiting)),
    replicaActive: value(semiSync.replicaActive) === 'ON',
    uptimeSeconds: Number(value('Uptime')),
  };
}

/** Undefined when the server was never told of a source. */
export async function replicaStatus(
  connection: MariadbConnection,
  timeoutMs = 1_000,
): Promise<ReplicaStatus | undefined> {
  const row = await connection.row('SHOW REPLICA STATUS', [], timeoutMs);
  return row === undefined ? undefined : parseReplicaStatus(row);
}

export function parseReplicaStatus(row: Row): ReplicaStatus {
  const text = (name: string) => String(row[name] ?? '');
  const io = text('Slave_IO_Running');
  const errors = [text('Last_IO_Error'), text('Last_SQL_Error')].filter((error) => error !== '');
  const lag = row['Seconds_Behind_Master'];
  return {
    sourceHost: text('Master_Host'),
    sourcePort: Number(row['Master_Port']),
    ioThread: io === 'Yes' ? 'running' : io === 'No' ? 'stopped' : 'connecting',
    sqlThread: text('Slave_SQL_Running') === 'Yes' ? 'running' : 'stopped',
    usesGtid: text('Using_Gtid') !== 'No' && text('Using_Gtid') !== '',
    tls: text('Master_SSL_Allowed') === 'Yes',
    receivedPosition: text('Gtid_IO_Pos'),
    lagSeconds: lag === null || lag === undefined ? null : Number(lag),
    lastError: errors.length === 0 ? undefined : errors.join('; '),
  };
}
