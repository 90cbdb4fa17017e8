/**
 * From replica to primary: the first step that isn't done yet is the next effect. Every step reads from the server or
 * from etcd whether it is done, so that an agent which crashed between any two goes on where it was.
 */
import { contains, printPosition } from '#src/gtid/position.ts';
import { serverIdOfEpoch } from './keys.ts';
import { memberProblem } from './problems.ts';
import { act, type Decision, type Rule, type View, wait } from './view.ts';

/** The epoch in which this member leads: the recorded one, or a new one named by the key's create revision. */
function epochOf(view: View): number {
  return view.recorded ? (view.sync?.epoch ?? 0) : (view.leader?.createRevision ?? 0);
}

/** Leading, on views that show every earlier step. */
function steps(view: View): boolean {
  return view.leads && view.clusterFresh && view.databaseFresh && view.server !== null && view.sync !== null;
}

/** Whether a primary shall have the source side on before it opens. */
function needsSource(view: View): boolean {
  return view.config.mode === 'strict' || (view.config.mode === 'required' && view.standby !== null);
}

/** The standby has everything that this server recovered: what a crash left unconfirmed is confirmed now. */
function tailConfirmed(view: View): boolean {
  const { standby, server, cluster } = view;
  if (standby === null || server === null || view.config.mode === 'async') return true;
  const report = cluster?.members[standby];
  return report !== undefined && report.following === view.self && contains(report.received, server.applied);
}

/** Opening with the source side off needs what switching it off needs: no earlier naming of a standby can arrive. */
function certainlyAlone(view: View): boolean {
  if (view.config.mode !== 'required' || view.server?.semiSyncSource === true) return true;
  return view.sync?.modRevision === view.state.aloneRevision;
}

function unapplied(view: View): boolean {
  const { server } = view;
  return server !== null && server.received !== null && !contains(server.applied, server.received);
}

/**
 * How long a new primary in mode `async` waits after it stopped receiving: nothing else stops the old one, which closes
 * when it sees that its lease is over and a replica is gone.
 */
const asyncFenceMs = 1_500;

function fenceHasActed(view: View): boolean {
  if (view.config.mode !== 'async') return true;
  return view.state.leadsSince !== null && view.now - view.state.leadsSince >= asyncFenceMs;
}

function recordSelf(view: View): Decision {
  const { sync, server, leader, self } = view;
  if (sync === null || server === null || leader === null) return wait('nothing to record yet');
  const others = new Set([...sync.mayAcknowledge, ...sync.members]);
  if (sync.joining !== null) others.add(sync.joining);
  others.delete(self);
  const epoch = leader.createRevision;
  return act(
    {
      kind: 'writeSync',
      leaderRevision: leader.createRevision,
      syncModRevision: sync.modRevision,
      // Whoever could acknowledge before may still try: each must be proved to have stopped.
      sync: { leader: self, epoch, members: [self], joining: null, mayAcknowledge: [...others].sort() },
      history: { epoch, holder: self, start: server.applied },
    },
    `records itself as the only member of epoch ${epoch}, which begins after ${printPosition(server.applied)}`,
  );
}

export const promotionRules: readonly Rule[] = [
  {
    number: 30,
    name: 'GiveBackLeader',
    comment:
      'After taking the key everything is looked at again: whoever is no longer named by `sync`, or has a problem, gives the key back before it has changed anything.',
    when: (v) =>
      v.leads &&
      v.clusterFresh &&
      v.sync !== null &&
      !v.recorded &&
      ((v.config.mode !== 'async' && !v.sync.members.includes(v.self)) ||
        (v.databaseFresh && memberProblem(v) !== null && v.server?.replication != null)),
    build: (v) =>
      act(
        {
          kind: 'releaseLeader',
          leaderRevision: v.leader?.createRevision ?? -1,
          syncModRevision: v.sync?.modRevision ?? -1,
        },
        `gives the leader key back: ${memberProblem(v)?.sentence ?? 'sync does not name it'}`,
      ),
  },
  {
    number: 31,
    name: 'ReplayRelay',
    comment:
      'Both replication threads stopped over a relay log with unapplied events: it may be the only copy of acknowledged writes, and starting replication would delete it, so it is replayed as files.',
    when: (v) => steps(v) && v.server?.relayUnread === true,
    build: () => act({ kind: 'replayRelay' }, 'replays the relay log before anything else starts'),
  },
  {
    number: 32,
    name: 'RunSqlThread',
    comment:
      'The SQL thread must run to the end of the relay log; it is started while the IO thread still runs.',
    when: (v) =>
      steps(v) &&
      !v.recorded &&
      v.server?.replication?.ioRunning === true &&
      !v.server.replication.sqlRunning,
    build: () => act({ kind: 'startSqlThread' }, 'starts the SQL thread to apply what was received'),
  },
  {
    number: 33,
    name: 'StopReceiving',
    comment:
      'Stopping the IO thread is the fence: the old primary can get no acknowledgement from here any more.',
    when: (v) => steps(v) && v.server?.replication?.ioRunning === true,
    build: (v) =>
      act(
        { kind: 'stopIoThread', closePath: v.cluster?.request?.to !== v.self },
        `stops receiving from ${v.server?.replication?.source}, which fences it`,
      ),
  },
  {
    number: 34,
    name: 'ApplyRelay',
    comment: 'Everything received must be applied before writes are allowed: received is acknowledged.',
    when: (v) => steps(v) && v.server?.replication != null && unapplied(v),
    build: (v) =>
      wait(
        `waits for the relay log: applied ${printPosition(v.server?.applied ?? [])} of ${printPosition(v.server?.received ?? [])}`,
      ),
  },
  {
    number: 35,
    name: 'ForgetSource',
    comment: 'The old source is forgotten, so that no restart of a thread brings it back.',
    when: (v) => steps(v) && v.server?.replication != null && !unapplied(v),
    build: () => act({ kind: 'forgetSource' }, 'forgets the old source'),
  },
  {
    number: 36,
    name: 'RecordSelf',
    comment:
      'Before it writes anything, `sync` must name it alone: from then on the old primary can neither degrade nor come back. The same transaction records where the epoch begins.',
    when: (v) => steps(v) && !v.recorded && v.server?.replication === null && fenceHasActed(v),
    build: recordSelf,
  },
  {
    number: 37,
    name: 'FreshServerId',
    comment:
      'The epoch writes under a server id of its own: a member that lost the tail of an older epoch would skip events that carry its own id.',
    when: (v) => steps(v) && v.recorded && v.server?.serverId !== serverIdOfEpoch(epochOf(v)),
    build: (v) =>
      act(
        { kind: 'setServerId', serverId: serverIdOfEpoch(epochOf(v)) },
        `takes the server id of epoch ${epochOf(v)}`,
      ),
  },
  {
    number: 38,
    name: 'WriteMarker',
    comment:
      'The marker row carries the epoch to all members by replication: equal positions prove nothing without it.',
    when: (v) => steps(v) && v.recorded && (v.server?.markerEpoch ?? 0) < epochOf(v),
    build: (v) =>
      act(
        { kind: 'writeMarker', stackId: v.config.stackId, epoch: epochOf(v) },
        `writes the marker of epoch ${epochOf(v)}`,
      ),
  },
  {
    number: 39,
    name: 'SourceOnBeforeOpening',
    comment:
      'With a sync standby named, or in mode `strict`, no write is confirmed without an acknowledgement.',
    when: (v) =>
      steps(v) && v.recorded && v.server?.readOnly === true && !v.server.semiSyncSource && needsSource(v),
    build: () => act({ kind: 'sourceOn' }, 'switches the source side of semi-sync on before it opens'),
  },
  {
    number: 40,
    name: 'ConfirmTail',
    comment:
      'After a restart in place the recovered tail may hold commits that nobody confirmed: clients see them only when the standby has them.',
    when: (v) =>
      steps(v) &&
      v.recorded &&
      v.server?.readOnly === true &&
      v.state.drainingSince === null &&
      !tailConfirmed(v),
    build: (v) => wait(`opens when ${v.standby} has received the whole recovered tail`),
  },
  {
    number: 41,
    name: 'Open',
    comment: 'All steps are done: the server becomes writable.',
    when: (v) =>
      steps(v) &&
      v.recorded &&
      v.leaseValid &&
      certainlyAlone(v) &&
      v.server?.readOnly === true &&
      v.state.drainingSince === null &&
      !v.server.diskFull &&
      v.server.markerEpoch === epochOf(v),
    build: (v) => act({ kind: 'openServer' }, `opens for writes in epoch ${epochOf(v)}`),
  },
];
