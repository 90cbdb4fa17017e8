/** One step of the primary: no replication, commits that wait for a replica where one acknowledges, open for writes. */
import { probe, replicaStatus, type ServerProbe } from '#src/adapters/mariadb/observe.ts';
import {
  setReadOnly,
  setReplicaSide,
  setSourceSide,
  stopReplication,
} from '#src/adapters/mariadb/replication.ts';
import { type DataMarker, writeMarker } from './marker.ts';
import type { DatabaseMember } from './member.ts';
import { decideSync, type SyncDecision } from './sync.ts';

export interface LeadState {
  /** Monotonic time since when nobody acknowledges; undefined while somebody does. */
  aloneSinceMs: number | undefined;
}

export interface LeadResult {
  readonly probe: ServerProbe;
  readonly sync: SyncDecision;
}

export async function lead(
  member: DatabaseMember,
  marker: DataMarker,
  state: LeadState,
): Promise<LeadResult> {
  const { connection, config, log } = member;
  const seen = await probe(connection);
  if (seen.replicaEnabled) await setReplicaSide(connection, false);
  const status = await replicaStatus(connection);
  if (status !== undefined && status.ioThread !== 'stopped') {
    log.warn('the primary follows another server: stopping that', { source: status.sourceHost });
    await stopReplication(connection);
  }
  const nowMs = performance.now();
  state.aloneSinceMs = seen.acknowledging > 0 ? undefined : (state.aloneSinceMs ?? nowMs);
  const sync = decideSync({
    mode: config.sync,
    others: config.members.length - 1,
    enabled: seen.sourceEnabled,
    // Only a server that was started since carries the switch of before: one that is open has its own.
    wasEnabled: seen.readOnly && marker.synced === true,
    acknowledging: seen.acknowledging,
    aloneMs: state.aloneSinceMs === undefined ? 0 : nowMs - state.aloneSinceMs,
    degradeAfterMs: config.degradeAfterMs,
  });
  if (sync.enabled !== seen.sourceEnabled) {
    // Recorded first when commits stop waiting, afterwards when they begin to.
    if (!sync.enabled) await remember(member, marker, false);
    await setSourceSide(connection, sync.enabled);
    log.info(sync.enabled ? 'commits wait for a replica' : 'commits wait for nobody', {
      reason: sync.reason,
    });
  }
  if (sync.enabled) await remember(member, marker, true);
  if (seen.readOnly) {
    await setReadOnly(connection, false);
    log.info('open for writes');
  }
  return { probe: { ...seen, readOnly: false, sourceEnabled: sync.enabled }, sync };
}

async function remember(member: DatabaseMember, marker: DataMarker, synced: boolean): Promise<void> {
  if (marker.synced === synced) return;
  await writeMarker(member.config.dataDirectory, { ...marker, synced });
}
