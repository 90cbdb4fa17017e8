/** How events change the state: facts only, no decisions. */

import { channelOf } from './effects.ts';
import type { Cluster } from './keys.ts';
import { standbyOf } from './keys.ts';
import type { DatabaseObservation } from './observation.ts';
import type { Done, Event, State } from './state.ts';

/** A server that dies again within this time after a start is in a crash loop. */
const crashLoopMs = 60_000;

/** Reads of the cluster that lie further apart than this leave a gap in what the agent saw. */
const watchGapMs = 2_000;

/** Between two notes of how far this server was. */
const markEveryMs = 250;

/** The state after an event, before any decision. */
export function absorb(state: State, event: Event): State {
  const now = Math.max(state.now, event.now);
  switch (event.type) {
    case 'tick':
      return { ...state, now };
    case 'clusterChanged':
      return { ...state, now, clusterStaleBefore: now };
    case 'serverExited':
      return absorbExit({ ...state, now });
    case 'done':
      return absorbDone({ ...state, now }, event);
    default:
      return event satisfies never;
  }
}

function absorbExit(state: State): State {
  const { now, startedAt } = state;
  return {
    ...state,
    database: { value: { state: 'down' }, sentAt: now },
    databaseStaleBefore: now,
    barrier: null,
    wasWritable: false,
    silentSince: null,
    closeHangs: false,
    crashLoop: startedAt !== null && now - startedAt < crashLoopMs,
  };
}

function absorbDone(state: State, done: Done): State {
  const channel = channelOf[done.effect.kind];
  // An answer that came after its time limit, or for an agent's earlier life, says nothing about now.
  if (state.pending[channel] !== done.id) return state;
  const next: State = { ...state, pending: { ...state.pending, [channel]: 0 } };
  switch (channel) {
    case 'lease':
      return absorbLease(next, done);
    case 'cluster':
      return done.outcome === 'ok' && done.cluster !== undefined
        ? absorbCluster(next, done.cluster, done.sentAt)
        : next;
    case 'probe':
      return done.outcome === 'ok' && done.database !== undefined
        ? absorbDatabase(next, done.database, done.sentAt)
        : next;
    case 'etcd': {
      const alone =
        done.effect.kind === 'writeSync' &&
        done.outcome === 'ok' &&
        done.effect.sync.members.length === 1 &&
        done.revision !== undefined;
      return {
        ...next,
        clusterStaleBefore: next.now,
        aloneRevision: alone ? (done.revision ?? -1) : next.aloneRevision,
      };
    }
    case 'report':
      return done.outcome === 'ok' ? next : { ...next, reported: null };
    case 'database':
      return absorbDatabaseEffect(next, done);
    case 'process':
      return {
        ...next,
        database:
          done.effect.kind === 'killServer' && done.outcome === 'ok'
            ? { value: { state: 'down' }, sentAt: next.now }
            : next.database,
        databaseStaleBefore: next.now,
        startedAt: done.effect.kind === 'startServer' ? next.now : next.startedAt,
      };
    case 'barrier':
      // Whether it released anything is seen by a probe; before that there is no reason for another one.
      return { ...next, databaseStaleBefore: next.now, releaseDue: false };
    default:
      return channel satisfies never;
  }
}

function absorbDatabaseEffect(state: State, done: Done): State {
  const saved = done.effect.kind === 'saveErrant' && done.outcome === 'ok' ? done.effect.epoch : 0;
  const givenUp = done.effect.kind === 'closeServer' && done.effect.drain && done.outcome === 'refused';
  const hung = done.effect.kind === 'closeServer' && done.outcome === 'unknown';
  return {
    ...state,
    databaseStaleBefore: state.now,
    closeHangs: state.closeHangs || hung,
    releaseDue: state.releaseDue || (done.effect.kind === 'sourceOn' && done.outcome === 'ok'),
    drainGivenUp: state.drainGivenUp || givenUp,
    errantSavedFor: Math.max(state.errantSavedFor, saved),
  };
}

function absorbLease(state: State, done: Done): State {
  if (done.outcome === 'unknown') return state;
  if (done.outcome === 'refused') return { ...state, lease: null, reported: null };
  // The holder's deadline counts from when the request was sent: etcd's own count began later.
  const deadline = done.sentAt + state.config.leaseTtlMs - state.config.leaseMarginMs;
  if (done.effect.kind === 'grantLease' && done.lease !== undefined) {
    return { ...state, lease: { id: done.lease, deadline }, reported: null };
  }
  return state.lease === null ? state : { ...state, lease: { ...state.lease, deadline } };
}

function absorbCluster(state: State, cluster: Cluster, sentAt: number): State {
  const { now, config, lastHolder } = state;
  const { leader, sync } = cluster;
  let { lease, changes } = state;
  // The agent was restarted while it held the key: it goes on with the lease of its earlier life.
  if (lease === null && leader !== null && leader.holder === config.self && state.pending.lease === 0) {
    lease = { id: leader.lease, deadline: -1 };
  }
  const holder = sync === null ? null : { holder: sync.leader, epoch: sync.epoch };
  const request = state.cluster?.value.request ?? null;
  const planned = request !== null && request.epoch === lastHolder?.epoch && request.to === holder?.holder;
  if (holder !== null && lastHolder !== null && holder.epoch > lastHolder.epoch && !planned) {
    changes = [...changes.filter((at) => at > now - 10 * config.stableAfterMs), now];
  }
  const leaderGone = leader === null && state.noLeaderSince === null;
  return {
    ...state,
    lease,
    changes,
    // A free key must be seen twice before anybody takes it: the second look is at once.
    clusterStaleBefore: leaderGone ? now : state.clusterStaleBefore,
    cluster: { value: cluster, sentAt },
    lastHolder: holder ?? lastHolder,
    requestSince: cluster.request === null ? null : (state.requestSince ?? now),
    drainingSince: cluster.request === null ? null : state.drainingSince,
    drainGivenUp: cluster.request !== null && state.drainGivenUp,
    storeWentBack: state.storeWentBack || cluster.revision < state.highestRevision,
    watchingSince:
      state.cluster === null || sentAt - state.cluster.sentAt > watchGapMs ? now : state.watchingSince,
    leadsSince: leader?.holder === config.self ? (state.leadsSince ?? now) : null,
    highestRevision: Math.max(state.highestRevision, cluster.revision),
    noLeaderSince: leader === null ? (state.noLeaderSince ?? now) : null,
  };
}

function absorbDatabase(state: State, database: DatabaseObservation, sentAt: number): State {
  // An answer from before an effect or an exit shows what no longer is.
  if (sentAt < state.databaseStaleBefore) return state;
  const { now } = state;
  const seen: State = { ...state, database: { value: database, sentAt } };
  if (database.state === 'silent') return { ...seen, silentSince: state.silentSince ?? sentAt };
  if (database.state === 'down') return { ...seen, silentSince: null, wasWritable: false, barrier: null };
  const sync = state.cluster?.value.sync ?? null;
  const leads = sync !== null && sync.leader === state.config.self;
  const partner = leads ? (standbyOf(sync) ?? sync.joining) : null;
  const before = state.database?.value;
  const progress = before?.state === 'up' && database.confirmations > before.confirmations;
  const report = partner === null ? undefined : state.cluster?.value.members[partner];
  const confirms =
    partner === null ||
    (database.replicas.includes(partner) &&
      // Its agent may be silent: what its server confirms counts all the same.
      (report === undefined || report.problem === null) &&
      (database.waitingCommits === 0 || progress));
  const joining = leads ? sync.joining : null;
  let { barrier } = state;
  const exclusive = sync?.mayAcknowledge.every((member) => member === joining) === true;
  // What another member may have acknowledged isn't covered by a position from before it was proved to have stopped.
  if (joining === null || !database.semiSyncSource || !exclusive) barrier = null;
  else if ((barrier === null || barrier.joining !== joining) && sentAt >= (state.cluster?.sentAt ?? 0)) {
    barrier = { joining, position: database.applied };
  }
  const [latest] = state.marks;
  const due = latest === undefined || now - latest.at >= markEveryMs;
  const marks = due ? [{ at: now, position: database.applied }, ...state.marks.slice(0, 1)] : state.marks;
  return {
    ...seen,
    marks,
    silentSince: null,
    wasWritable: !database.readOnly,
    closeHangs: state.closeHangs && !database.readOnly,
    lastMarkerEpoch: database.markerEpoch,
    // Since it was last seen to confirm, which was up to a probe ago.
    standbyLostSince: confirms ? null : (state.standbyLostSince ?? state.database?.sentAt ?? now),
    barrier,
  };
}
