/** What an agent sees of the server on its own host. Read from variables and status, never from statements that hang. */
import type { Position } from '#src/gtid/position.ts';
import type { MemberName } from './keys.ts';

/** The configured replication, from SHOW SLAVE STATUS; the relay log survives a restart, `Gtid_IO_Pos` doesn't. */
export interface Replication {
  readonly source: MemberName;
  readonly ioRunning: boolean;
  readonly connected: boolean;
  readonly sqlRunning: boolean;
  /** Last_SQL_Error, or an IO error that retrying doesn't cure (1236, 1950); null when there is none. */
  readonly error: string | null;
}

/** A server that answers. */
export interface RunningServer {
  readonly state: 'up';
  readonly serverId: number;
  readonly readOnly: boolean;
  /** The stack id and highest epoch of the marker table `tandem.epoch`; null and 0 when the table isn't there. */
  readonly stackId: string | null;
  readonly markerEpoch: number;
  /** `gtid_binlog_pos`: includes commits that wait for an acknowledgement. */
  readonly applied: Position;
  /**
   * The further of `gtid_binlog_pos` and what the relay log holds. Null when the relay log doesn't parse: such a
   * member isn't eligible.
   */
  readonly received: Position | null;
  /** Relay events beyond `applied` while both threads are stopped: starting replication would delete them. */
  readonly relayUnread: boolean;
  readonly replication: Replication | null;
  readonly semiSyncSource: boolean;
  /** Rpl_semi_sync_master_wait_sessions: whether commits wait for an acknowledgement; seen to stay 1 however many do. */
  readonly waitingCommits: number;
  /** Rpl_semi_sync_master_yes_tx: how many commits were acknowledged since the start. */
  readonly confirmations: number;
  /** Members whose replication connections to this server are established. */
  readonly replicas: readonly MemberName[];
  /** Whether `rpl_semi_sync_slave_enabled` was on when the IO thread last started; false when it is stopped. */
  readonly acknowledging: boolean;
  /** Whether each event is flushed to the relay log before it is acknowledged (`sync_relay_log` = 1). */
  readonly flushesEvents: boolean;
  /** Members whose replication account is locked on this server. */
  readonly denied: readonly MemberName[];
  /** Whether the last start was with `--init-rpl-role=SLAVE` and nothing has been replicated since. */
  readonly truncated: boolean;
  readonly diskFull: boolean;
}

/** No process, or one that has exited. */
export interface StoppedServer {
  readonly state: 'down';
}

/** A process that didn't answer within the probe's time limit: frozen, hanging, starting. */
export interface SilentServer {
  readonly state: 'silent';
}

export type DatabaseObservation = RunningServer | StoppedServer | SilentServer;
