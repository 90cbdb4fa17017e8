/**
 * Everything the decision core can ask for. The agent does it and reports back with one `done` event that carries the
 * effect's id, always, within the channel's time limit: `ok`, `refused` (it certainly didn't happen: a failed compare,
 * an SQL error) or `unknown` (a timeout, a lost connection: it may have happened, may happen later, or never).
 *
 * One effect at a time per channel. Before an agent reports `unknown` for an SQL effect it kills that connection's
 * statement, and when it starts it ends its predecessor's connections: statements of one agent never overtake.
 * Transactions: IF every compare holds THEN the puts; `refused` when a compare fails.
 */
import type { Position } from '#src/gtid/position.ts';
import type { HistoryEntry, MemberName, MemberReport, Sync } from './keys.ts';

/** The value of a `sync` write; the mod revision comes from etcd. */
export type SyncValue = Omit<Sync, 'modRevision'>;

/** Channel `lease`. */
export type LeaseEffect =
  /** LeaseGrant(ttl). Done: `lease`. */
  | { readonly kind: 'grantLease'; readonly ttlMs: number }
  /** LeaseKeepAlive(id), once. Done: ok renewed; refused when etcd doesn't know the lease. */
  | { readonly kind: 'keepAlive'; readonly lease: string };

/** Channel `cluster`: one linearizable Range of the prefix. Done: `cluster`. */
export type ClusterEffect = { readonly kind: 'readCluster' };

/** Channel `report`: Put members/SELF with the lease. Done: no result. */
export type ReportEffect = {
  readonly kind: 'putReport';
  readonly report: MemberReport;
  readonly lease: string;
};

/** Channel `etcd`. Done of all: `revision` of the transaction. */
export type EtcdEffect =
  /** IF create(leader)=0 AND mod(sync)=syncModRevision THEN put leader=SELF with the lease. */
  | { readonly kind: 'takeLeader'; readonly lease: string; readonly syncModRevision: number }
  /** IF create(leader)=leaderRevision AND mod(sync)=syncModRevision THEN delete leader. */
  | { readonly kind: 'releaseLeader'; readonly leaderRevision: number; readonly syncModRevision: number }
  /** IF create(leader)=leaderRevision AND mod(sync)=syncModRevision THEN put sync; put history/EPOCH; delete request. */
  | {
      readonly kind: 'writeSync';
      readonly leaderRevision: number;
      readonly syncModRevision: number;
      readonly sync: SyncValue;
      /** With an epoch's first write: where its own transactions begin. */
      readonly history: HistoryEntry | null;
    }
  /** IF create(leader)=leaderRevision THEN delete request: a switchover that was given up. */
  | { readonly kind: 'clearRequest'; readonly leaderRevision: number };

/** Channel `probe`: variables, SHOW SLAVE STATUS, SHOW PROCESSLIST, the marker row. Done: `database`. */
export type ProbeEffect = { readonly kind: 'probeDatabase' };

/** Channel `database`, on the agent's own connection. Done of all: no result; the next probe shows what became of it. */
export type DatabaseEffect =
  /** START SLAVE SQL_THREAD; only while the IO thread runs (with both stopped it would delete the relay log). */
  | { readonly kind: 'startSqlThread' }
  /**
   * STOP SLAVE IO_THREAD, with a limit of 4 s: it takes 1 s (rpl_semi_sync_slave_kill_conn_timeout=1) to 2 s while the
   * source is frozen. `closePath`: with the path to the source closed meanwhile, which costs 40 ms and spares that.
   */
  | { readonly kind: 'stopIoThread'; readonly closePath: boolean }
  /**
   * With both threads stopped and unread relay events: CHANGE MASTER TO MASTER_USE_GTID=no, RELAY_LOG_FILE, RELAY_LOG_POS
   * of the first unapplied event; START SLAVE SQL_THREAD; wait for the end; STOP SLAVE. Done when applied.
   */
  | { readonly kind: 'replayRelay' }
  /** STOP SLAVE; RESET SLAVE ALL. */
  | { readonly kind: 'forgetSource' }
  /** SET GLOBAL server_id. */
  | { readonly kind: 'setServerId'; readonly serverId: number }
  /** INSERT INTO tandem.epoch (stack, epoch, holder); under read_only, by an account with READ ONLY ADMIN. */
  | { readonly kind: 'writeMarker'; readonly stackId: string; readonly epoch: number }
  /** SET GLOBAL rpl_semi_sync_slave_enabled=0, rpl_semi_sync_master_enabled=1 (timeout infinite). */
  | { readonly kind: 'sourceOn' }
  /** SET GLOBAL rpl_semi_sync_master_enabled=0: answers OK to all commits that wait. */
  | { readonly kind: 'sourceOff' }
  /** SET GLOBAL event_scheduler=1; SET GLOBAL read_only=0. */
  | { readonly kind: 'openServer' }
  /**
   * SET GLOBAL read_only=1, event_scheduler=0. Hangs behind commits that wait.
   * `drain`: first waits for the transactions that have written and are open, as the stack file says; refused when
   * they are still open then and shall not be ended.
   */
  | { readonly kind: 'closeServer'; readonly drain: boolean }
  /**
   * End transactions that have written; STOP SLAVE; SET GLOBAL gtid_slave_pos=@@gtid_binlog_pos; SET GLOBAL
   * rpl_semi_sync_slave_enabled; sync_relay_log=10000 for one that does not acknowledge; CHANGE MASTER TO the source,
   * MASTER_USE_GTID=slave_pos; START SLAVE. Deletes the relay log: never while relay events are unread.
   */
  | { readonly kind: 'changeSource'; readonly source: MemberName; readonly acknowledge: boolean }
  /**
   * SET GLOBAL rpl_semi_sync_slave_enabled; STOP SLAVE IO_THREAD; START SLAVE IO_THREAD, while SQL runs. Off: also
   * sync_relay_log=10000.
   */
  | { readonly kind: 'setAcknowledging'; readonly on: boolean }
  /** SET GLOBAL sync_relay_log=1: from now on what is acknowledged is on disk. It costs a flush for each event. */
  | { readonly kind: 'flushEvents' }
  /**
   * As setAcknowledging, when the source takes connections (else nothing): the server's own next try is up to a second
   * away, and commits wait for it.
   */
  | { readonly kind: 'reconnect'; readonly source: MemberName; readonly acknowledge: boolean }
  /** SET sql_log_bin=0; ALTER USER of that member's replication account ACCOUNT LOCK; KILL its dump thread. */
  | { readonly kind: 'denyReplica'; readonly member: MemberName }
  /** SET sql_log_bin=0; ALTER USER of that member's replication account ACCOUNT UNLOCK. */
  | { readonly kind: 'allowReplica'; readonly member: MemberName }
  /**
   * mariadb-binlog --start-position=START on binlog and relay files (also of a stopped server), into an SQL file beside
   * the data; raise the alert.
   */
  | { readonly kind: 'saveErrant'; readonly start: Position; readonly epoch: number }
  /**
   * mariadb-backup streamed from the donor into a directory beside the data; when it is complete and prepared, SIGKILL,
   * swap the directories, start as startServer does, set gtid_binlog_state and gtid_slave_pos
   * from the third field of xtrabackup_binlog_info (docs/mariadb-behaviour.md). A clone that breaks off changes nothing.
   */
  | { readonly kind: 'clone'; readonly donor: MemberName };

/** Channel `barrier`: REPLACE INTO tandem.barrier, on a connection of its own because it waits like any commit. */
export type BarrierEffect = { readonly kind: 'writeBarrier' };

/** Channel `process`, by way of the host's supervisor. Done: no result. */
export type ProcessEffect =
  /** Start with --read-only --skip-slave-start --init-rpl-role=RECOVERY, semi-sync off on both sides. */
  | { readonly kind: 'startServer'; readonly recovery: 'MASTER' | 'SLAVE' }
  /** SIGKILL, and wait for the process to be gone; it isn't restarted by itself. */
  | { readonly kind: 'killServer' };

export type Effect =
  | LeaseEffect
  | ClusterEffect
  | ReportEffect
  | EtcdEffect
  | ProbeEffect
  | DatabaseEffect
  | BarrierEffect
  | ProcessEffect;

export type EffectKind = Effect['kind'];

export type Channel = 'lease' | 'cluster' | 'report' | 'etcd' | 'probe' | 'database' | 'barrier' | 'process';

/** The channel of each effect: what may be under way at the same time. */
export const channelOf: Readonly<Record<EffectKind, Channel>> = {
  grantLease: 'lease',
  keepAlive: 'lease',
  readCluster: 'cluster',
  putReport: 'report',
  takeLeader: 'etcd',
  releaseLeader: 'etcd',
  writeSync: 'etcd',
  clearRequest: 'etcd',
  probeDatabase: 'probe',
  startSqlThread: 'database',
  stopIoThread: 'database',
  replayRelay: 'database',
  forgetSource: 'database',
  setServerId: 'database',
  writeMarker: 'database',
  sourceOn: 'database',
  sourceOff: 'database',
  openServer: 'database',
  closeServer: 'database',
  changeSource: 'database',
  setAcknowledging: 'database',
  flushEvents: 'database',
  reconnect: 'database',
  denyReplica: 'database',
  allowReplica: 'database',
  saveErrant: 'database',
  clone: 'database',
  writeBarrier: 'barrier',
  startServer: 'process',
  killServer: 'process',
};

/** An effect to carry out; its id comes back in the `done` event. */
export interface Command {
  readonly id: number;
  readonly effect: Effect;
}
