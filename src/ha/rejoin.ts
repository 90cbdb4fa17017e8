/**
 * Following the recorded primary. Which epoch a member belongs to is read from its marker, never from positions alone:
 * after a truncation equal positions can hide different rows.
 */
import { contains, printPosition } from '#src/gtid/position.ts';
import { obstacle } from './candidate.ts';
import type { MemberName } from './keys.ts';
import { diverged, memberProblem, storeProblem } from './problems.ts';
import { act, epochAfter, once, type Rule, type View, wait } from './view.ts';

/** This member is a replica of the recorded primary, its data belongs to the stack, and both views are fresh. */
const replica = once((view): boolean => {
  const { server, sync } = view;
  return (
    server !== null &&
    sync !== null &&
    !view.recorded &&
    !view.leads &&
    server.readOnly &&
    view.clusterFresh &&
    view.databaseFresh &&
    server.stackId === view.config.stackId &&
    server.markerEpoch <= sync.epoch &&
    storeProblem(view) === null &&
    view.state.pending.etcd === 0
  );
});

/** The relay log has events that the recorded epoch doesn't contain; they must not be applied. */
function receivedTooMuch(view: View): boolean {
  const { server, cluster, sync, state } = view;
  if (server === null || cluster === null || server.received === null) return false;
  // Since it was pointed at the epoch's primary, with an empty relay log, all that came in is the epoch's.
  if (state.repointedFor === sync?.epoch && server.replication?.source === sync.leader) return false;
  const next = epochAfter(cluster, server.markerEpoch);
  return next !== null && next.holder !== view.self && !contains(next.start, server.received);
}

function named(view: View): boolean {
  return view.sync?.members.includes(view.self) ?? false;
}

function caughtUp(view: View): boolean {
  const { server } = view;
  return server !== null && server.received !== null && contains(server.applied, server.received);
}

/** Whether replication must be set up anew to follow the recorded primary. */
function misdirected(view: View): boolean {
  const replication = view.server?.replication ?? null;
  if (replication === null || replication.source !== view.sync?.leader) return true;
  return !replication.ioRunning;
}

function donor(view: View): MemberName | null {
  const { cluster, sync, self } = view;
  if (cluster === null || sync === null) return null;
  for (const report of Object.values(cluster.members)) {
    const usable = report.problem === null && report.markerEpoch === sync.epoch && report.member !== self;
    if (usable && report.member !== sync.leader && report.following === sync.leader) return report.member;
  }
  const primary = cluster.members[sync.leader];
  return primary !== undefined && primary.problem === null && primary.markerEpoch === sync.epoch
    ? sync.leader
    : null;
}

function wantsToAcknowledge(view: View): boolean {
  const { sync, server } = view;
  if (sync === null || server === null || view.config.mode === 'async') return false;
  const invited = sync.joining === view.self || named(view);
  return invited && server.markerEpoch === sync.epoch;
}

/**
 * A source side that is on while nothing waits; it would make this replica's applier wait for acknowledgements. A barrier
 * under way may reach the server after the probe that saw nothing wait, and switching off would acknowledge it.
 */
function sourceSideLeft({ server, state }: View): boolean {
  return server?.semiSyncSource === true && server.waitingCommits === 0 && state.pending.barrier === 0;
}

/** An attempt to connect gets this long before the next one cuts it off. */
const reconnectEveryMs = 400;

export const rejoinRules: readonly Rule[] = [
  {
    number: 70,
    name: 'SourceSideOff',
    comment:
      'A former primary that is closed, with nothing waiting, under a newer epoch: its source side goes off.',
    when: (v) => replica(v) && sourceSideLeft(v) && (v.server?.markerEpoch ?? 0) <= (v.sync?.epoch ?? 0),
    build: () => act({ kind: 'sourceOff' }, 'switches its source side off, it is a replica now'),
  },
  {
    number: 69,
    name: 'StopErrantStream',
    comment: 'Before errant transactions are saved no more of them may come in.',
    when: (v) =>
      replica(v) && (diverged(v) || receivedTooMuch(v)) && v.server?.replication?.ioRunning === true,
    build: (v) =>
      act(
        { kind: 'stopIoThread', closePath: true },
        `stops receiving from ${v.server?.replication?.source}: not in the recorded epoch`,
      ),
  },
  {
    number: 71,
    name: 'SaveErrant',
    comment:
      'This member has transactions that the recorded epoch does not contain. Nothing is thrown away in silence: they are saved as SQL, and an alert says so.',
    when: (v) =>
      replica(v) && (diverged(v) || receivedTooMuch(v)) && v.state.errantSavedFor < (v.sync?.epoch ?? 0),
    build: (v) => {
      const next = v.cluster === null ? null : epochAfter(v.cluster, v.server?.markerEpoch ?? 0);
      return act(
        { kind: 'saveErrant', start: next?.start ?? [], epoch: v.sync?.epoch ?? 0 },
        `saves its transactions beyond ${printPosition(next?.start ?? [])}, which epoch ${next?.epoch} does not contain`,
      );
    },
  },
  {
    number: 72,
    name: 'Clone',
    comment:
      'Diverged and saved: the data is replaced by a copy of a member of the recorded epoch. Never a member that `sync` names.',
    when: (v) => replica(v) && diverged(v) && !named(v) && donor(v) !== null,
    build: (v) => act({ kind: 'clone', donor: donor(v) ?? '' }, `clones its data from ${donor(v)}`),
  },
  {
    number: 73,
    name: 'ReplayRelayLog',
    comment:
      'Both replication threads stopped over unapplied relay events: they may be the only copy of acknowledged writes, and starting replication would delete them.',
    when: (v) => replica(v) && v.server?.relayUnread === true && !receivedTooMuch(v),
    build: () => act({ kind: 'replayRelay' }, 'replays the relay log before replication starts'),
  },
  {
    number: 74,
    name: 'OwnServerId',
    comment:
      'A former primary gives up the server id of its epoch: under it, it would skip the events of that epoch which it lacks.',
    when: (v) => replica(v) && !diverged(v) && v.server?.serverId !== v.config.serverId,
    build: (v) =>
      act({ kind: 'setServerId', serverId: v.config.serverId }, 'takes its own server id as a replica'),
  },
  {
    number: 75,
    name: 'RunSql',
    comment: 'The SQL thread stopped without an error while the IO thread runs.',
    when: (v) => {
      const r = v.server?.replication;
      return replica(v) && r?.ioRunning === true && !r.sqlRunning && r.error === null;
    },
    build: () => act({ kind: 'startSqlThread' }, 'starts its SQL thread'),
  },
  {
    number: 76,
    name: 'Repoint',
    comment:
      'It does not follow the recorded primary yet: replication is set up by GTID, after everything received that the epoch contains was applied.',
    when: (v) =>
      replica(v) && !diverged(v) && misdirected(v) && (caughtUp(v) || receivedTooMuch(v)) && v.sync !== null,
    build: (v) =>
      act(
        { kind: 'changeSource', source: v.sync?.leader ?? '', acknowledge: wantsToAcknowledge(v) },
        `follows ${v.sync?.leader}, the primary of epoch ${v.sync?.epoch}`,
        { repointedFor: v.sync?.epoch ?? 0, reconnectedAt: v.now },
      ),
  },
  {
    number: 77,
    name: 'Acknowledge',
    comment:
      'Acknowledging follows `sync`: on when it invites or names this member and its SQL thread runs past the epoch marker, otherwise off. It takes effect when the IO thread connects again.',
    when: (v) => {
      const r = v.server?.replication;
      return (
        replica(v) &&
        r?.ioRunning === true &&
        r.sqlRunning &&
        r.source === v.sync?.leader &&
        v.server?.acknowledging !== wantsToAcknowledge(v)
      );
    },
    build: (v) => {
      const on = wantsToAcknowledge(v);
      return act({ kind: 'setAcknowledging', on }, on ? 'begins to acknowledge' : 'stops acknowledging', {
        reconnectedAt: v.now,
      });
    },
  },
  {
    number: 79,
    name: 'Reconnect',
    comment:
      'Its IO thread waits to try its source again, which takes connections by now: it is started anew, because commits wait for it.',
    when: (v) => {
      const r = v.server?.replication;
      return (
        replica(v) &&
        r?.ioRunning === true &&
        r.sqlRunning &&
        !r.connected &&
        r.error === null &&
        r.source === v.sync?.leader &&
        v.leader?.holder === v.sync.leader &&
        (v.state.database?.sentAt ?? 0) - v.state.reconnectedAt >= reconnectEveryMs
      );
    },
    build: (v) =>
      act(
        { kind: 'reconnect', source: v.sync?.leader ?? '', acknowledge: wantsToAcknowledge(v) },
        `connects to ${v.sync?.leader} again`,
        { reconnectedAt: v.now },
      ),
  },
  {
    number: 80,
    name: 'FlushEvents',
    comment:
      'It acknowledges, and commits wait for it: from now on what it acknowledges is on disk. Not sooner, for a flush for each event makes it fall behind a primary that does not wait, and the first commits would wait for all of that.',
    when: (v) => {
      const { sync, server } = v;
      const waitedFor = named(v) || (sync !== null && v.cluster?.members[sync.leader]?.sourceOn === true);
      return (
        replica(v) &&
        server?.acknowledging === true &&
        !server.flushesEvents &&
        wantsToAcknowledge(v) &&
        waitedFor
      );
    },
    build: () => act({ kind: 'flushEvents' }, 'flushes each event before it acknowledges it'),
  },
  {
    number: 78,
    name: 'Follow',
    comment: 'A replica in order, or one that waits.',
    when: (v) => v.sync !== null && !v.recorded && !v.leads,
    build: (v) => {
      const problem = memberProblem(v);
      const standing = problem === null ? '' : `, not eligible: ${problem.sentence}`;
      const following = `follows ${v.sync?.leader} in epoch ${v.sync?.epoch}${standing}`;
      const missing = v.leader === null ? obstacle(v) : null;
      return wait(
        missing === null ? following : `${following}; nobody holds the lease, not taken: ${missing}`,
      );
    },
  },
];
