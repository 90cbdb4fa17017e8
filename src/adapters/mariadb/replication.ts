/** Changing what a server does in replication. Each function is one step, safe to repeat. */
import type { MariadbConnection } from './connection.ts';
import { mariadbDialect as dialect, quote } from './dialect.ts';

export interface SourceSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** PEM file that the server can read. */
  readonly ca: string;
}

/** Stopping a thread waits for the event group that it is in. */
const threadTimeoutMs = 10_000;

/** Names the source; both threads must be stopped. Positions are GTIDs, kept in `gtid_slave_pos`. */
export async function changeSource(connection: MariadbConnection, source: SourceSettings): Promise<void> {
  const settings = [
    `MASTER_HOST=${quote(source.host)}`,
    `MASTER_PORT=${source.port}`,
    `MASTER_USER=${quote(source.user)}`,
    `MASTER_PASSWORD=${quote(source.password)}`,
    'MASTER_SSL=1',
    `MASTER_SSL_CA=${quote(source.ca)}`,
    'MASTER_SSL_VERIFY_SERVER_CERT=1',
    'MASTER_CONNECT_RETRY=1',
    // Silence from the source is noticed after slave_net_timeout; a heartbeat each second makes that mean something.
    'MASTER_HEARTBEAT_PERIOD=1',
    'MASTER_USE_GTID=slave_pos',
  ];
  try {
    await connection.rows(`CHANGE MASTER TO ${settings.join(', ')}`, [], threadTimeoutMs);
  } catch (error) {
    // The statement holds a password: only its error goes on.
    throw new Error(`CHANGE MASTER failed: ${(error as { sqlMessage?: string }).sqlMessage ?? 'no answer'}`);
  }
}

/** Gives a fresh copy its place: its binary log, still empty, and replication go on behind `position`. */
export async function adoptPosition(connection: MariadbConnection, position: string): Promise<void> {
  await connection.rows('SET GLOBAL gtid_binlog_state = ?', [position]);
  await connection.rows(`SET GLOBAL ${dialect.gtid.applied} = ?`, [position]);
}
