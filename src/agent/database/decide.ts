/**
 * What a database member does next, from what was seen; pure. The primary is static here: the member that created the
 * database. Failover replaces `primaryOf` and the two role actions; nothing else knows who leads.
 */
import type { DataMarker } from './marker.ts';

/** The record of who creates this stack's database, in etcd; made once, by compare and set. */
export interface InitializeRecord {
  readonly stackId: string;
  readonly creator: string;
  readonly state: 'creating' | 'created';
}

export interface DatabaseObservation {
  readonly self: string;
  readonly stackId: string;
  /** In order of preference. */
  readonly members: readonly string[];
  readonly data: 'absent' | 'present';
  readonly marker: DataMarker | 'damaged' | undefined;
  /** Series of the installed server ("10.11") and of the one that wrote the data; undefined when not known. */
  readonly installedSeries: string | undefined;
  readonly dataSeries: string | undefined;
  readonly initialize: InitializeRecord | 'none' | 'unknown';
  readonly answering: boolean;
}

export type DatabaseAction =
  | { readonly kind: 'refuse'; readonly reason: string }
  | { readonly kind: 'wait'; readonly reason: string }
  /** Write the initialize record with ourselves as the creator. */
  | { readonly kind: 'claim'; readonly reason: string }
  | { readonly kind: 'create'; readonly reason: string }
  | { readonly kind: 'clone'; readonly from: string; readonly reason: string }
  | { readonly kind: 'start'; readonly reason: string }
  | { readonly kind: 'lead'; readonly reason: string }
  | { readonly kind: 'follow'; readonly primary: string; readonly reason: string };

export function primaryOf(seen: DatabaseObservation): string | undefined {
  if (seen.marker !== undefined && seen.marker !== 'damaged') return seen.marker.primary;
  if (typeof seen.initialize === 'object') return seen.initialize.creator;
  return seen.members[0];
}

export function decideDatabase(seen: DatabaseObservation): DatabaseAction {
  const refusal = refusalOf(seen);
  if (refusal !== undefined) return { kind: 'refuse', reason: refusal };
  const { marker } = seen;
  if (marker === undefined || marker === 'damaged' || seen.data === 'absent') return decideWithoutData(seen);
  if (marker.state === 'creating') {
    return {
      kind: 'create',
      reason: 'a creation that was interrupted starts over: its data served nobody yet',
    };
  }
  if (!seen.answering) return { kind: 'start', reason: 'the server does not run' };
  if (marker.primary === seen.self) return { kind: 'lead', reason: 'this member created the database' };
  return { kind: 'follow', primary: marker.primary, reason: `${marker.primary} leads` };
}

/** Data that is not proved to be this stack's, or that this server can't read, is left alone. */
function refusalOf(seen: DatabaseObservation): string | undefined {
  const { marker, initialize } = seen;
  if (marker === 'damaged')
    return 'the member file beside the data directory is damaged; restore or remove it';
  if (seen.data === 'present' && marker === undefined) {
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

function decideWithoutData(seen: DatabaseObservation): DatabaseAction {
  const { initialize, self } = seen;
  if (initialize === 'unknown')
    return { kind: 'wait', reason: 'the quorum does not answer: who creates is not known' };
  if (initialize === 'none') {
    if (seen.members[0] === self) return { kind: 'claim', reason: 'nobody has created the database yet' };
    return { kind: 'wait', reason: `${seen.members[0]} creates the database` };
  }
  if (initialize.creator !== self) {
    if (initialize.state === 'creating') {
      return { kind: 'wait', reason: `${initialize.creator} creates the database` };
    }
    return { kind: 'clone', from: initialize.creator, reason: 'this member has no data' };
  }
  if (initialize.state === 'creating') return { kind: 'create', reason: 'this member creates the database' };
  // Never begin again from an empty directory: that is how whole databases were lost (mariadb-operator#1108).
  return {
    kind: 'refuse',
    reason:
      'this member led the stack and its data directory is gone; restore it, or copy it from a replica; an empty database is not made in its place',
  };
}
