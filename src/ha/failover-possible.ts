/** Whether a failover would succeed now, and if not, which precondition is missing; shown before it is needed. */
import type { Cluster, MemberName } from './keys.ts';
import { standbyOf } from './keys.ts';
import type { SyncMode } from './state.ts';

export type FailoverPossible =
  | { readonly possible: true; readonly to: MemberName }
  | { readonly possible: false; readonly reason: string };

/** Judged from the store alone, so that every agent and `tandem status` say the same. */
export function failoverPossible(cluster: Cluster | null, mode: SyncMode): FailoverPossible {
  const no = (reason: string): FailoverPossible => ({ possible: false, reason });
  if (cluster === null) return no('etcd has not been read yet');
  const { sync } = cluster;
  if (sync === null || cluster.stackId === null) return no('etcd does not hold this stack');
  if (cluster.maintenance) return no('maintenance is on');
  if (mode === 'async') {
    for (const report of Object.values(cluster.members)) {
      if (report.member !== sync.leader && report.problem === null && report.markerEpoch === sync.epoch) {
        return { possible: true, to: report.member };
      }
    }
    return no('no replica without problems reports');
  }
  const standby = standbyOf(sync);
  if (standby === null) {
    return no(
      sync.joining === null
        ? `no sync standby: only ${sync.leader} has every acknowledged write`
        : `${sync.joining} is joining as sync standby, and has not caught up yet`,
    );
  }
  const report = cluster.members[standby];
  if (report === undefined) return no(`the sync standby ${standby} does not report`);
  if (report.markerEpoch > sync.epoch) return no('etcd shows an older epoch than the members have');
  if (report.problem !== null) return no(`the sync standby ${standby} is not eligible: ${report.problem}`);
  return { possible: true, to: standby };
}
