/**
 * Stopping to be the primary, and the server's process. A server with commits that wait is demoted by SIGKILL alone:
 * SIGTERM and closing connections would make them visible or permanent, and `read_only=1` hangs behind them.
 */
import { holdLeft } from './anti-flapping.ts';
import { failoverPossible } from './failover-possible.ts';
import { storeProblem } from './problems.ts';
import { act, type Decision, epochAfter, type Rule, type View } from './view.ts';

/** How long a server may be silent before its lease is given to the standby. */
const silenceMs = 2_500;

/** A newer epoch with another primary is recorded, or another took over `sync`. */
function superseded(view: View): boolean {
  const { sync, server } = view;
  if (sync === null || view.recorded || storeProblem(view) !== null) return false;
  return server === null || sync.epoch > server.markerEpoch;
}

/** Both anchors are gone: the lease, and the standby that would tell of a newer epoch. */
function lostBoth(view: View): boolean {
  const { state, server, config, standby } = view;
  if ((view.leads && view.leaseValid) || server === null || !view.recorded) return false;
  if (config.mode === 'async') {
    return config.members.some((member) => member !== view.self && !server.replicas.includes(member));
  }
  // Alone in `sync`, nobody else can be promoted: an etcd outage is then no reason to stop.
  if (standby === null) return false;
  return state.standbyLostSince !== null && view.now - state.standbyLostSince >= config.degradeAfterMs;
}

function processIdle(view: View): boolean {
  return view.state.pending.process === 0;
}

function stop(view: View, why: string): Decision {
  return view.server !== null && view.server.waitingCommits === 0 && !view.state.closeHangs
    ? act({ kind: 'closeServer', drain: false }, `closes for writes: ${why}`)
    : act(
        { kind: 'killServer' },
        `kills the server, on which ${view.state.closeHangs ? 'statements hang' : 'unconfirmed commits wait'}: ${why}`,
      );
}

/** Whether starting the server again takes longer than a failover. */
function failoverIsSooner(view: View): boolean {
  const { config, state } = view;
  if (!failoverPossible(view.cluster, config.mode).possible || holdLeft(state) > 0) return false;
  return state.crashLoop || config.restartEstimateMs > config.failoverEstimateMs;
}

function release(view: View, why: string): Decision {
  return act(
    {
      kind: 'releaseLeader',
      leaderRevision: view.leader?.createRevision ?? -1,
      syncModRevision: view.sync?.modRevision ?? -1,
    },
    `gives the leader key to the standby: ${why}`,
  );
}

/** The server is down, was a primary's, and a newer epoch of another primary was read from etcd. */
function rewindable(view: View): boolean {
  const { sync, state, cluster } = view;
  if (view.serverState !== 'down' || !view.databaseFresh || !view.clusterFresh || cluster === null)
    return false;
  if (sync === null || view.recorded || sync.members.includes(view.self) || storeProblem(view) !== null)
    return false;
  const last = state.lastMarkerEpoch;
  const mine = cluster.history.find((entry) => entry.epoch === last);
  return last > 0 && last < sync.epoch && mine?.holder === view.self;
}

/** How long a dead primary that gave the key back waits for the successor's epoch before it starts its server. */
const successorMs = 1_000;

function awaitsSuccessor(view: View): boolean {
  const { releasedAt } = view.state;
  return view.recorded && releasedAt !== null && view.now - releasedAt < successorMs;
}

export const demotionRules: readonly Rule[] = [
  {
    number: 20,
    name: 'KillSuperseded',
    comment:
      'A newer epoch is recorded while commits wait here, while closing this server hangs (a full disk), or while it, writable when last seen, is silent: SIGKILL, so that nothing unconfirmed is confirmed.',
    when: (v) =>
      processIdle(v) &&
      superseded(v) &&
      ((v.server !== null && !v.server.readOnly && (v.server.waitingCommits > 0 || v.state.closeHangs)) ||
        (v.server?.semiSyncSource && v.server.waitingCommits > 0) ||
        (v.serverState === 'silent' && v.state.wasWritable)),
    build: (v) =>
      act({ kind: 'killServer' }, `kills the server: epoch ${v.sync?.epoch} of ${v.sync?.leader} has begun`),
  },
  {
    number: 21,
    name: 'CloseSuperseded',
    comment: 'A newer epoch is recorded and no commit waits: read-only is enough, and clients get an answer.',
    when: (v) => v.databaseFresh && superseded(v) && v.server !== null && !v.server.readOnly,
    build: (v) =>
      act(
        { kind: 'closeServer', drain: false },
        `closes for writes: epoch ${v.sync?.epoch} of ${v.sync?.leader} has begun`,
      ),
  },
  {
    number: 22,
    name: 'LostBoth',
    comment:
      'The lease is gone and the standby no longer confirms that it follows this epoch: it may have been promoted, so this server stops. Losing only one of them interrupts nothing.',
    when: (v) => processIdle(v) && v.databaseFresh && v.server !== null && !v.server.readOnly && lostBoth(v),
    build: (v) => stop(v, 'neither its lease nor its standby confirms that it is still the primary'),
  },
  {
    number: 23,
    name: 'FailOverDeadServer',
    comment:
      'The primary server is dead and the standby takes over sooner than a restart would take, or it died again right after a start: the key is given back at once instead of waiting for the lease.',
    when: (v) => v.leads && v.recorded && v.clusterFresh && v.serverState === 'down' && failoverIsSooner(v),
    build: (v) => ({
      ...release(v, 'the server is dead and a failover is sooner than a restart'),
      patch: { releasedAt: v.now },
    }),
  },
  {
    number: 24,
    name: 'FailOverSilentServer',
    comment: 'The primary server has not answered for longer than a moment: frozen, or hanging on its disk.',
    when: (v) =>
      v.leads &&
      v.recorded &&
      v.clusterFresh &&
      v.serverState === 'silent' &&
      v.state.silentSince !== null &&
      v.now - v.state.silentSince >= silenceMs &&
      failoverPossible(v.cluster, v.config.mode).possible,
    build: (v) => release(v, 'the server does not answer'),
  },
  {
    number: 25,
    name: 'FailOverFullDisk',
    comment: 'The primary cannot write any more, the standby can.',
    when: (v) =>
      v.leads &&
      v.recorded &&
      v.clusterFresh &&
      v.server?.diskFull === true &&
      failoverPossible(v.cluster, v.config.mode).possible,
    build: (v) => release(v, 'the disk is full'),
  },
  {
    number: 17,
    name: 'SaveTail',
    comment:
      'A dead former primary, and a newer epoch was read from etcd: what it has beyond that epoch is saved from its files before a recovery may cut it off.',
    when: (v) => rewindable(v) && v.state.errantSavedFor < (v.sync?.epoch ?? 0),
    build: (v) => {
      const next = v.cluster === null ? null : epochAfter(v.cluster, v.state.lastMarkerEpoch);
      return act(
        { kind: 'saveErrant', start: next?.start ?? [], epoch: v.sync?.epoch ?? 0 },
        `saves its tail beyond the beginning of epoch ${next?.epoch}`,
      );
    },
  },
  {
    number: 18,
    name: 'Rewind',
    comment:
      'The tail is saved and belongs to no recorded epoch: recovery as SLAVE cuts it off, which may spare a clone. Tried once: with DDL or MyISAM in the tail MariaDB refuses to start so every time. It may not lead before it has replicated again.',
    when: (v) =>
      rewindable(v) &&
      v.state.errantSavedFor >= (v.sync?.epoch ?? 0) &&
      v.state.rewoundFor < (v.sync?.epoch ?? 0),
    build: (v) =>
      act({ kind: 'startServer', recovery: 'SLAVE' }, 'starts the server and cuts its saved tail off', {
        rewoundFor: v.sync?.epoch ?? 0,
      }),
  },
  {
    number: 19,
    name: 'StartServer',
    comment:
      'A dead server starts read-only, without replication and with recovery as MASTER, which keeps every acknowledged transaction. It opens or follows by later rules. After the key was given back the successor gets a moment to record its epoch: then the tail can be cut off instead of cloned over.',
    when: (v) => v.serverState === 'down' && v.databaseFresh && !awaitsSuccessor(v),
    build: () => act({ kind: 'startServer', recovery: 'MASTER' }, 'starts the server, closed'),
  },
];
