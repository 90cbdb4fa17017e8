/**
 * What Tandem keeps in etcd for the database, as plain data (store-format.ts: below which keys, how written). One linearizable read of the whole prefix makes a
 * `Cluster`; every write is a transaction that compares the create revision of `leader` and the mod revision of `sync`
 * with what that read showed, so that a decision taken on an outdated view changes nothing.
 */
import type { Position } from '#src/gtid/position.ts';

/** A database member's name, which is its host's name. */
export type MemberName = string;

/**
 * `leader`: bound to its holder's lease. It chooses who may promote; it is not what fences (docs/adr/0304). Its create
 * revision becomes the epoch of a new primary. A primary that lost the key and took it again before anybody else wrote
 * `sync` goes on in the epoch that `sync` records.
 */
export interface Leader {
  readonly holder: MemberName;
  /** Every holding has a higher one than all before. */
  readonly createRevision: number;
  readonly lease: string;
}

/**
 * `sync`: who may be promoted, and who may confirm commits. Not lease-bound, written by the leader alone. As long as
 * `members` names only the leader, confirmations by others are harmless: nobody else can be promoted. As soon as it
 * names a standby, `mayAcknowledge` must hold nobody but that standby (src/ha/membership.ts).
 */
export interface Sync {
  readonly leader: MemberName;
  readonly epoch: number;
  /** The leader and at most one standby. */
  readonly members: readonly MemberName[];
  /** Invited: may acknowledge so that it can be named, may not be promoted yet. */
  readonly joining: MemberName | null;
  /** Everybody not yet proved to have stopped acknowledging; a superset of the standby and of `joining`. */
  readonly mayAcknowledge: readonly MemberName[];
  readonly modRevision: number;
}

/** `members/NAME`: bound to the member's lease; what its agent last saw of its own server. */
export interface MemberReport {
  readonly member: MemberName;
  /** The highest epoch in the server's replicated marker table; 0 when there is none or the server is down. */
  readonly markerEpoch: number;
  readonly up: boolean;
  readonly writable: boolean;
  readonly received: Position;
  readonly applied: Position;
  /** Whom the IO thread is connected to; null when it isn't. */
  readonly following: MemberName | null;
  readonly sqlRunning: boolean;
  /** Whether the replication connection, live or being retried, was started with semi-sync on. */
  readonly acknowledging: boolean;
  /** Whether its source side is on: its commits wait for an acknowledgement. */
  readonly sourceOn: boolean;
  /** Whether what it receives is on disk before it is acknowledged. */
  readonly flushes: boolean;
  /** The `sync` mod revision that this report's `acknowledging` was decided by. */
  readonly syncSeen: number;
  /** The agent saw the store's revision go back, in this life of the agent: wiped, or restored from a backup. */
  readonly storeWentBack: boolean;
  /** The gravest problem that makes the member ineligible, in words; null when there is none. */
  readonly problem: string | null;
}

/** One entry of `history`: an epoch that wrote `sync`, and the position at which its own transactions begin. */
export interface HistoryEntry {
  readonly epoch: number;
  readonly holder: MemberName;
  readonly start: Position;
}

/** `request`: a planned change that a person asked for. */
export interface SwitchoverRequest {
  readonly id: string;
  readonly to: MemberName;
  /** The epoch (of `sync`) for which it was asked; in any other epoch it is void. */
  readonly epoch: number;
}

/** One linearizable read of all keys. */
export interface Cluster {
  /** Null when etcd holds no stack: wiped, or never filled. */
  readonly stackId: string | null;
  /** The store's revision at the read. */
  readonly revision: number;
  readonly leader: Leader | null;
  readonly sync: Sync | null;
  readonly members: Readonly<Record<MemberName, MemberReport>>;
  /** Ascending epochs. */
  readonly history: readonly HistoryEntry[];
  readonly request: SwitchoverRequest | null;
  /** True while a person has asked that nothing be done automatically. */
  readonly maintenance: boolean;
}

/** Configured server ids of replicas lie below; every epoch's id above. */
const firstEpochServerId = 65_536;

/**
 * The `server_id` under which an epoch writes. Epochs never repeat, so neither do the ids: a member that lost the tail
 * of an epoch would skip events carrying its own id and end at the same position without the rows.
 */
export function serverIdOfEpoch(epoch: number): number {
  return firstEpochServerId + epoch;
}

/** Whether a primary writes under it, rather than a replica having it. */
export function isEpochServerId(serverId: number): boolean {
  return serverId >= firstEpochServerId;
}

/** The standby that `sync` names beside its leader; null when it names none. */
export function standbyOf(sync: Sync): MemberName | null {
  for (const member of sync.members) if (member !== sync.leader) return member;
  return null;
}
