/**
 * MariaDB 10.11 as far as failover meets it, with the behaviour that was seen on the real server: what waits for one
 * acknowledgement from anybody, what recovery keeps and cuts off, what START SLAVE deletes. One replication domain;
 * a transaction's sequence number is its index + 1, and the same object in two logs is the same rows.
 */
import type { Position } from '#src/gtid/position.ts';
import type { RunningServer } from '#src/ha/observation.ts';

export interface Transaction {
  readonly id: number;
  readonly index: number;
  readonly server: number;
  /** The epoch of a marker transaction, else 0. */
  readonly marker: number;
  readonly client: boolean;
  /** Skipped by its receiver because it carried its own server id: the number without the rows. */
  readonly hole: boolean;
}

export interface Waiting {
  readonly transaction: Transaction;
}

export class MariadbModel {
  readonly name: string;
  readonly configuredId: number;
  running = true;
  frozen = false;
  /** Counts processes: a message for an earlier one is lost. */
  instance = 1;
  log: Transaction[] = [];
  relay: Transaction[] = [];
  serverId: number;
  readOnly = true;
  stackId: string | null = 'stack';
  source: string | null = null;
  io = false;
  sql = false;
  error: string | null = null;
  /** Counts IO thread starts. */
  connection = 0;
  connected = false;
  semiSyncReplica = false;
  /** The variable's value when the IO thread last started. */
  semiSyncEffective = false;
  semiSyncSource = false;
  flushesEvents = true;
  waiting: Waiting[] = [];
  confirmations = 0;
  denied: string[] = [];
  truncated = false;
  diskFull = false;
  relayUnreadable = false;
  /** DDL or MyISAM in the tail: recovery as SLAVE refuses to start. */
  cannotTruncate = false;
  applyDelayMs = 2;
  applyScheduled = false;
  pumpScheduled = false;
  /** The commit whose InnoDB record isn't flushed yet though it was acknowledged. */
  unflushed = 0;

  constructor(name: string, serverId: number) {
    this.name = name;
    this.configuredId = serverId;
    this.serverId = serverId;
  }

  get received(): number {
    return this.log.length + this.relay.length;
  }

  lastReceived(): Transaction | undefined {
    return this.relay.length > 0 ? this.relay[this.relay.length - 1] : this.log[this.log.length - 1];
  }

  marker(): number {
    for (let index = this.log.length - 1; index >= 0; index--) {
      const transaction = this.log[index];
      if (transaction !== undefined && transaction.marker > 0 && !transaction.hole) return transaction.marker;
    }
    return 0;
  }

  /** SIGKILL or power off: waiting commits stay in the binlog, threads and settings go. */
  die(): void {
    this.running = false;
    this.frozen = false;
    this.instance++;
    this.unflushed = Math.max(this.unflushed, this.waiting.length + 1);
    this.waiting = [];
    this.io = false;
    this.sql = false;
    this.error = null;
    this.connected = false;
    this.semiSyncEffective = false;
    this.semiSyncSource = false;
    this.semiSyncReplica = false;
    this.flushesEvents = true;
    this.readOnly = true;
    this.serverId = this.configuredId;
    this.confirmations = 0;
  }

  /** Whether it starts. MASTER keeps the binlog's tail; SLAVE cuts off what InnoDB had not committed, which includes acknowledged commits. */
  start(recovery: 'MASTER' | 'SLAVE'): boolean {
    if (recovery === 'SLAVE' && this.cannotTruncate) return false;
    this.running = true;
    this.instance++;
    if (recovery === 'SLAVE' && this.relay.length === 0 && this.source === null) {
      const keep = Math.max(1, this.log.length - this.unflushed);
      this.truncated = this.truncated || keep < this.log.length;
      this.log.length = keep;
    }
    this.unflushed = 0;
    return true;
  }

  position(length: number): Position {
    if (length === 0) return [];
    const last = length <= this.log.length ? this.log[length - 1] : this.relay[length - 1 - this.log.length];
    return [{ domain: 0, server: last?.server ?? 0, sequence: length }];
  }

  observe(replicas: readonly string[]): RunningServer {
    const applied = this.position(this.log.length);
    return {
      state: 'up',
      serverId: this.serverId,
      readOnly: this.readOnly,
      stackId: this.stackId,
      markerEpoch: this.marker(),
      applied,
      received: this.relayUnreadable
        ? null
        : this.relay.length === 0
          ? applied
          : this.position(this.received),
      relayUnread: this.relay.length > 0 && !this.io && !this.sql,
      replication:
        this.source === null
          ? null
          : {
              source: this.source,
              ioRunning: this.io,
              connected: this.connected,
              sqlRunning: this.sql,
              error: this.error,
            },
      semiSyncSource: this.semiSyncSource,
      waitingCommits: this.waiting.length,
      confirmations: this.confirmations,
      replicas,
      acknowledging: this.io && this.semiSyncEffective,
      flushesEvents: this.flushesEvents,
      denied: this.denied,
      truncated: this.truncated,
      diskFull: this.diskFull,
    };
  }
}
