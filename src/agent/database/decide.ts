/**
 * Whether this member has data that it may run on, and how it comes to some; pure. Who leads, and what a running member
 * does, is decided in `src/ha`.
 */
import type { Cluster } from '#src/ha/keys.ts';
import type { DataPresence } from './files.ts';
import type { DataMarker } from './marker.ts';

/** The record of who creates this stack's database, in etcd; made once, by compare and set. */
export interface InitializeRecord {
  readonly stackId: string;
  readonly creator: string;
  readonly state: 'creating' | 'created';
}

export interface DataObservation {
  readonly self: string;
  readonly stackId: string;
  /** In order of preference. */
  readonly members: readonly string[];
  readonly data: DataPresence;
  readonly marker: DataMarker | 'damaged' | undefined;
  /** Series of the installed server ("10.11") and of the one that wrote the data; undefined when not known. */
  readonly installedSeries: string | undefined;
  readonly dataSeries: string | undefined;
  readonly initialize: InitializeRecord | 'none' | 'unknown';
  /** What etcd says of the database; only asked for when there is no data. */
  readonly cluster: Cluster | 'unknown';
}

export type DataAction =
  | { readonly kind: 'refuse'; readonly reason: string }
  | { readonly kind: 'wait'; readonly reason: string }
  /** Write the initialize record with ourselves as the creator. */
  | { readonly kind: 'claim'; readonly reason: string }
  | { readonly kind: 'create'; readonly reason: string }
  | { readonly kind: 'clone'; readonly from: string; readonly reason: string }
  /** The data is this stack's: the decision core takes over. */
  | { readonly kind: 'run'; readonly reason: string };

export function decideData(seen: DataObservation): DataAction {
  const refusal = refusalOf(seen);
  if (refusal !== undefined) return { kind: 'refuse', reason: refusal };
  const { marker } = seen;
  if (marker === undefined || marker === 'damaged') return decideWithoutData(seen);
  if (marker.state === 'creating' && seen.data !== 'absent') {
    return {
      kind: 'create',
      reason: 'a creation that was interrupted starts over: its data served nobody yet',
    };
  }
  if (seen.data !== 'present') return decideWithoutData(seen);
  return { kind: 'run', reason: "the data is this stack's" };
}

/** Data that is not proved to be this stack's, or that this server can't read, is left alone. */
function refusalOf(seen: DataObservation): string | undefined {
  const { marker, initialize } = seen;
  if (marker === 'damaged')
    return 'the member file beside the data directory is damaged; restore or remove it';
  if (seen.data !== 'absent' && marker === undefined) {
    return 'the data directory holds data that this stack did not make; move it away to let the member start afresh';
  }
  if (marker !== undefined && marker.stackId !== seen.stackId) {
    return `the data belongs to another stack (${marker.stackId.slice(0, 8)}); move it away to let the member start afresh`;
  }
  if (typeof initialize === 'object' && initialize.stackId !== seen.stackId) {
    return `the quorum belongs to another stack (${initialize.stackId.slice(0, 8)})`;
  }
  const { dataSeries, installedSeries } = seen;
  if (dataSeries !== undefined && installedSeries !== undefined && dataSeries !== installedSeries) {
    return `the data was written by MariaDB ${dataSeries}, and ${installedSeries} is installed; upgrade it by hand, or install ${dataSeries}`;
  }
  return undefined;
}

function decideWithoutData(seen: DataObservation): DataAction {
  const { initialize, self } = seen;
  if (initialize === 'unknown')
    return { kind: 'wait', reason: 'the quorum does not answer: who creates is not known' };
  if (initialize === 'none') {
    if (seen.members[0] === self) return { kind: 'claim', reason: 'nobody has created the database yet' };
    return { kind: 'wait', reason: `${seen.members[0]} creates the database` };
  }
  if (initialize.state === 'creating') {
    return initialize.creator === self
      ? { kind: 'create', reason: 'this member creates the database' }
      : { kind: 'wait', reason: `${initialize.creator} creates the database` };
  }
  return decideClone(seen);
}

/** The stack has a database, and this member has no part of it, or has lost it. */
function decideClone(seen: DataObservation): DataAction {
  const { cluster, self, members } = seen;
  if (cluster === 'unknown')
    return { kind: 'wait', reason: 'the quorum does not answer: whom to copy from is not known' };
  const { sync } = cluster;
  if (sync === null) {
    return {
      kind: 'refuse',
      reason:
        'etcd has lost the records of the database, so no member can be proved to be the right one to copy',
    };
  }
  if (sync.leader === self && sync.members.length === 1) {
    // Never begin again from an empty directory: that is how whole databases were lost (mariadb-operator#1108).
    return {
      kind: 'refuse',
      reason:
        "this member alone had every acknowledged write, and its data directory is gone; restore it, or let a replica lead with what it has: 'tandem failover --force'; an empty database is not made in its place",
    };
  }
  if (sync.members.includes(self)) {
    return {
      kind: 'wait',
      reason: 'its data directory is gone, and it still counts as one that has every acknowledged write',
    };
  }
  // A replica rather than the primary, which has other things to do.
  const followers = members.filter((name) => {
    const report = cluster.members[name];
    return name !== sync.leader && report?.up === true && report.problem === null;
  });
  const from = followers[0] ?? sync.leader;
  const reason =
    seen.data === 'remnants'
      ? 'of the data of this member only remnants are left'
      : 'this member has no data';
  return { kind: 'clone', from, reason };
}
