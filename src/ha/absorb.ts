/** How events change the state: facts only, no decisions. */

import { channelOf } from './effects.ts';
import type { Cluster, Sync } from './keys.ts';
import { standbyOf } from './keys.ts';
import type { DatabaseObservation, RunningServer } from './observation.ts';
import type { Done, Draft, Event, State } from './state.ts';

/** A server that dies again within this time after a start is in a crash loop. */
const crashLoopMs = 60_000;

/** Reads of the cluster that lie further apart than this leave a gap in what the agent saw. */
const watchGapMs = 2_000;

/** Between two notes of how far this server was. */
const markEveryMs = 250;

/** The state after an event, before any decision: a copy, which the step goes on to write to. */
export function absorb(before: State, event: Event): Draft {
  const state: Draft = { ...before, pending: { ...before.pending }, now: Math.max(before.now, event.now) };
  if (event.type === 'clusterChanged') state.clusterStaleBefore = state.now;
  else if (event.type === 'serverExited') absorbExit(state);
  else if (event.type === 'done') absorbDone(state, event);
  return state;
}

function absorbExit(state: Draft): void {
  const { now, startedAt } = state;
  state.database = { value: { state: 'down' }, sentAt: now };
  state.databaseStaleBefore = now;
  state.barrier = null;
  state.wasWritable = false;
  state.silentSince = null;
  state.closeHangs = false;
  state.crashLoop = startedAt !== null && now - startedAt < crashLoopMs;
}

function absorbDone(state: Draft, done: Done): void {
  const channel = channelOf[done.effect.kind];
  // An answer that came after its time limit, or for an agent's earlier life, says nothing about now.
  if (state.pending[channel] !== done.id) return;
  state.pending[channel] = 0;
  const ok = done.outcome === 'ok';
  switch (channel) {
    case 'lease':
      absorbLease(state, done);
      return;
    case 'cluster':
      if (ok && done.cluster !== undefined) absorbCluster(state, done.cluster, done.sentAt);
      return;
    case 'probe':
      if (ok && done.database !== undefined) absorbDatabase(state, done.database, done.sentAt);
      return;
    case 'etcd':
      state.clusterStaleBefore = state.now;
      if (ok && done.effect.kind === 'writeSync' && done.effect.sync.members.length === 1)
        state.aloneRevision = done.revision ?? state.aloneRevision;
      return;
    case 'report':
      if (!ok) state.reported = null;
      return;
    case 'database':
      absorbDatabaseEffect(state, done);
      return;
    case 'process':
      state.databaseStaleBefore = state.now;
      if (done.effect.kind === 'killServer' && ok)
        state.database = { value: { state: 'down' }, sentAt: state.now };
      if (done.effect.kind === 'startServer') state.startedAt = state.now;
      return;
    case 'barrier':
      // Whether it released anything is seen by a probe; before that there is no reason for another one.
      state.databaseStaleBefore = state.now;
      state.releaseDue = false;
      return;
    default:
      channel satisfies never;
  }
}

function absorbDatabaseEffect(state: Draft, { effect, outcome }: Done): void {
  state.databaseStaleBefore = state.now;
  if (effect.kind === 'closeServer' && outcome === 'unknown') state.closeHangs = true;
  if (effect.kind === 'closeServer' && effect.drain && outcome === 'refused') state.drainGivenUp = true;
  if (effect.kind === 'sourceOn' && outcome === 'ok') state.releaseDue = true;
  if (effect.kind === 'saveErrant' && outcome === 'ok')
    state.errantSavedFor = Math.max(state.errantSavedFor, effect.epoch);
}

function absorbLease(state: Draft, done: Done): void {
  if (done.outcome === 'unknown') return;
  if (done.outcome === 'refused') {
    state.lease = null;
    state.reported = null;
    return;
  }
  // The holder's deadline counts from when the request was sent: etcd's own count began later.
  const deadline = done.sentAt + state.config.leaseTtlMs - state.config.leaseMarginMs;
  if (done.effect.kind === 'grantLease' && done.lease !== undefined) {
    state.lease = { id: done.lease, deadline };
    state.reported = null;
  } else if (state.lease !== null) state.lease = { ...state.lease, deadline };
}

function absorbCluster(state: Draft, cluster: Cluster, sentAt: number): void {
  const { now, config, lastHolder } = state;
  const { leader, sync } = cluster;
  // The agent was restarted while it held the key: it goes on with the lease of its earlier life.
  if (state.lease === null && leader?.holder === config.self && state.pending.lease === 0) {
    state.lease = { id: leader.lease, deadline: -1 };
  }
  const holder = sync === null ? null : { holder: sync.leader, epoch: sync.epoch };
  const request = state.cluster?.value.request ?? null;
  const planned = request !== null && request.epoch === lastHolder?.epoch && request.to === holder?.holder;
  if (holder !== null && lastHolder !== null && holder.epoch > lastHolder.epoch && !planned) {
    state.changes = [...state.changes.filter((at) => at > now - 10 * config.stableAfterMs), now];
  }
  // A free key must be seen twice before anybody takes it: the second look is at once.
  if (leader === null && state.noLeaderSince === null) state.clusterStaleBefore = now;
  if (state.cluster === null || sentAt - state.cluster.sentAt > watchGapMs) state.watchingSince = now;
  state.cluster = { value: cluster, sentAt };
  state.lastHolder = holder ?? lastHolder;
  state.requestSince = cluster.request === null ? null : (state.requestSince ?? now);
  if (cluster.request === null) {
    state.drainingSince = null;
    state.drainGivenUp = false;
  }
  if (cluster.revision < state.highestRevision) state.storeWentBack = true;
  state.leadsSince = leader?.holder === config.self ? (state.leadsSince ?? now) : null;
  state.highestRevision = Math.max(state.highestRevision, cluster.revision);
  state.noLeaderSince = leader === null ? (state.noLeaderSince ?? now) : null;
}

function absorbDatabase(state: Draft, database: DatabaseObservation, sentAt: number): void {
  // An answer from before an effect or an exit shows what no longer is.
  if (sentAt < state.databaseStaleBefore) return;
  const before = state.database;
  state.database = { value: database, sentAt };
  if (database.state === 'silent') {
    state.silentSince ??= sentAt;
    return;
  }
  state.silentSince = null;
  if (database.state === 'down') {
    state.wasWritable = false;
    state.barrier = null;
    return;
  }
  // Since it was last seen to confirm, which was up to a probe ago.
  if (standbyConfirms(state, database, before?.value)) state.standbyLostSince = null;
  else state.standbyLostSince ??= before?.sentAt ?? state.now;
  state.barrier = barrierOf(state, database, sentAt);
  const { now } = state;
  const [latest] = state.marks;
  if (latest === undefined || now - latest.at >= markEveryMs)
    state.marks = [{ at: now, position: database.applied }, ...state.marks.slice(0, 1)];
  state.wasWritable = !database.readOnly;
  if (database.readOnly) state.closeHangs = false;
  state.lastMarkerEpoch = database.markerEpoch;
}

/** `sync` when it records this member as the primary. */
function ownSync(state: State): Sync | null {
  const sync = state.cluster?.value.sync ?? null;
  return sync?.leader === state.config.self ? sync : null;
}

/** Whether the standby, when this server has one, follows and confirms. */
function standbyConfirms(
  state: State,
  server: RunningServer,
  before: DatabaseObservation | undefined,
): boolean {
  const sync = ownSync(state);
  const partner = sync === null ? null : (standbyOf(sync) ?? sync.joining);
  if (partner === null) return true;
  const progress = before?.state === 'up' && server.confirmations > before.confirmations;
  const report = state.cluster?.value.members[partner];
  return (
    server.replicas.includes(partner) &&
    // Its agent may be silent: what its server confirms counts all the same.
    (report === undefined || report.problem === null) &&
    (server.waitingCommits === 0 || progress)
  );
}

/** Where this server was when only the member that joins could acknowledge what came after. */
function barrierOf(state: State, server: RunningServer, sentAt: number): State['barrier'] {
  const sync = ownSync(state);
  const joining = sync?.joining ?? null;
  // What another member may have acknowledged isn't covered by a position from before it was proved to have stopped.
  const exclusive = sync?.mayAcknowledge.every((member) => member === joining) === true;
  if (joining === null || !server.semiSyncSource || !exclusive) return null;
  const { barrier } = state;
  if (barrier?.joining === joining || sentAt < (state.cluster?.sentAt ?? 0)) return barrier;
  return { joining, position: server.applied };
}
