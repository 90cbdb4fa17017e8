/** Named problems: what keeps this member from being promoted, the gravest first. */
import { contains } from '#src/gtid/position.ts';
import { epochAfter, once, type View } from './view.ts';

export interface Problem {
  readonly name: string;
  readonly sentence: string;
  readonly holds: (view: View) => boolean;
}

/** Problems of the store: while one holds, nothing is promoted by anybody. */
export const storeProblems: readonly Problem[] = [
  {
    name: 'ForeignStore',
    sentence: 'etcd does not hold this stack (wiped, or of another stack): restore it or run `tandem up`',
    holds: (v) => v.cluster !== null && (v.cluster.stackId !== v.config.stackId || v.sync === null),
  },
  {
    name: 'StoreWentBack',
    sentence:
      'etcd shows an older state than was seen before (restored from a backup): its records name the wrong members',
    holds: wentBack,
  },
];

function wentBack(view: View): boolean {
  const { cluster, sync, server, state } = view;
  if (cluster === null || sync === null) return false;
  if (state.storeWentBack || (server !== null && server.markerEpoch > sync.epoch)) return true;
  for (const name of view.config.members) {
    const report = cluster.members[name];
    if (report !== undefined && (report.storeWentBack || report.markerEpoch > sync.epoch)) return true;
  }
  return false;
}

/** Problems of the member's own server. They stand in its report and withdraw its eligibility. */
export const serverProblems: readonly Problem[] = [
  { name: 'ServerDown', sentence: 'its server is down', holds: (v) => v.serverState === 'down' },
  {
    name: 'ServerSilent',
    sentence: 'its server does not answer',
    holds: (v) => v.serverState === 'silent' || v.serverState === 'unseen',
  },
  {
    name: 'ForeignData',
    sentence: 'its data belongs to another stack, or cannot be proved to belong to this one',
    holds: (v) => v.server !== null && v.server.stackId !== v.config.stackId,
  },
  { name: 'DiskFull', sentence: 'its disk is full', holds: (v) => v.server?.diskFull === true },
  {
    name: 'RelayUnreadable',
    sentence: 'its relay log cannot be read, so what it received is unknown',
    holds: (v) => v.server !== null && v.server.received === null,
  },
  {
    name: 'ReplicationError',
    sentence: 'its replication stopped with an error',
    holds: (v) => v.server?.replication != null && v.server.replication.error !== null,
  },
  {
    name: 'Truncated',
    sentence: 'its recovery cut off its last transactions, and it has not replicated since',
    holds: (v) => v.server?.truncated === true,
  },
];

/** Problems of the member against the recorded epoch. */
export const epochProblems: readonly Problem[] = [
  {
    name: 'Diverged',
    sentence: 'it has transactions that the present epoch does not contain',
    holds: diverged,
  },
  {
    name: 'BehindEpoch',
    sentence: 'it has not replicated the marker of the present epoch',
    holds: (v) => {
      if (v.sync === null || v.server === null || v.server.markerEpoch >= v.sync.epoch) return false;
      // A primary that recorded itself and was interrupted before it wrote its marker goes on from there.
      if (!v.recorded) return true;
      const start = v.cluster?.history.find((entry) => entry.epoch === v.sync?.epoch)?.start;
      return start === undefined || v.server.received === null || !contains(v.server.received, start);
    },
  },
];

/** Whether the server has applied transactions beyond the start of the epoch that follows its own. */
export function diverged(view: View): boolean {
  const { server, cluster } = view;
  if (server === null || cluster === null) return false;
  const next = epochAfter(cluster, server.markerEpoch);
  // The start of an epoch is written by its primary, which therefore can't be beyond it.
  return next !== null && next.holder !== view.self && !contains(next.start, server.applied);
}

function first(problems: readonly Problem[], view: View): Problem | null {
  for (const problem of problems) if (problem.holds(view)) return problem;
  return null;
}

export const storeProblem = once((view) => first(storeProblems, view));

/** What keeps this member from leading, not counting whether `sync` names it. */
export const memberProblem = once((view) => first(serverProblems, view) ?? first(epochProblems, view));
