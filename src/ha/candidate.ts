/** Who may take the leader key, and when. */
import { compare, contains } from '#src/gtid/position.ts';
import { holdLeft } from './anti-flapping.ts';
import { memberProblem, storeProblem } from './problems.ts';
import { act, type Rule, type View, wait } from './view.ts';

/** How long members in mode `async` wait for a better candidate's report. */
const asyncPatienceMs = 1_000;

/** Why this member may not be promoted although the leader key is free; null when it may. */
export function obstacle(view: View): string | null {
  const { cluster, sync, state, config, self } = view;
  if (cluster === null || sync === null) return 'etcd has not been read';
  const store = storeProblem(view);
  if (store !== null) return store.sentence;
  if (cluster.maintenance) return 'maintenance is on';
  if (config.mode !== 'async' && !sync.members.includes(self)) {
    return `only ${sync.members.join(' and ')} certainly ${sync.members.length === 1 ? 'has' : 'have'} every acknowledged write`;
  }
  const problem = memberProblem(view);
  if (problem !== null) return `${self}: ${problem.sentence}`;
  const { request } = cluster;
  const since = view.now - (state.noLeaderSince ?? view.now);
  if (
    request !== null &&
    request.epoch === sync.epoch &&
    request.to !== self &&
    since < config.switchoverLimitMs
  ) {
    return `${request.to} is to take over (switchover ${request.id})`;
  }
  const watched = view.now - state.watchingSince;
  // A primary that is open already gains nothing by waiting; everybody else may have missed that the store went back.
  const open = view.recorded && view.server?.readOnly === false;
  if (!open && watched < config.leaseTtlMs) {
    return `${self} was away, and first hears the others for ${Math.ceil(config.leaseTtlMs - watched)} ms more`;
  }
  const hold = view.recorded || request?.to === self ? 0 : holdLeft(state);
  if (hold > 0)
    return `the primary changed ${state.changes.length} times lately: held for ${Math.ceil(hold)} ms more`;
  return config.mode === 'async' ? betterCandidate(view, since) : null;
}

/** In mode `async` every replica of the epoch may lead; the furthest one shall. */
function betterCandidate(view: View, since: number): string | null {
  const { cluster, server, sync, self, config } = view;
  if (cluster === null || server === null || sync === null || server.received === null)
    return 'nothing is known';
  if (view.recorded) return null;
  if (since < asyncPatienceMs) return 'waits for the reports of the others';
  for (const report of Object.values(cluster.members)) {
    if (report.member === self || report.problem !== null || report.markerEpoch !== sync.epoch) continue;
    const relation = compare(report.received, server.received);
    const earlier = config.members.indexOf(report.member) < config.members.indexOf(self);
    if (relation === 'ahead' || (relation === 'equal' && earlier))
      return `${report.member} has at least as much`;
    if (relation === 'incomparable' && !contains(server.received, report.received)) {
      return `${report.member} has transactions that ${self} lacks, and the reverse: choose by hand`;
    }
  }
  return null;
}

/** The leader key is free, and that was seen twice: once when it went, and once since. */
function seenTwice(view: View): boolean {
  const { state, cluster } = view;
  return (
    cluster !== null &&
    view.leader === null &&
    state.noLeaderSince !== null &&
    state.cluster !== null &&
    state.cluster.sentAt >= state.noLeaderSince
  );
}

export const candidateRules: readonly Rule[] = [
  {
    number: 60,
    name: 'TakeLeader',
    comment:
      'The leader key is free, this was observed twice, and this member certainly has every acknowledged write: it takes the key. The transaction compares the revision of `sync`, so a decision on an outdated view takes nothing.',
    when: (v) =>
      seenTwice(v) &&
      v.clusterFresh &&
      v.databaseFresh &&
      v.leaseValid &&
      v.sync !== null &&
      obstacle(v) === null,
    build: (v) =>
      act(
        { kind: 'takeLeader', lease: v.state.lease?.id ?? '', syncModRevision: v.sync?.modRevision ?? -1 },
        `the leader key is free and ${v.self} has every acknowledged write: takes it`,
      ),
  },
  {
    number: 61,
    name: 'NoPromotion',
    comment:
      'The leader key is free and this member must not take it: the sentence says which precondition is missing.',
    when: (v) =>
      v.cluster !== null && v.leader === null && v.clusterFresh && !isFollowing(v) && obstacle(v) !== null,
    build: (v) => wait(`no primary holds the lease, and ${v.self} does not take it: ${obstacle(v)}`),
  },
];

/** A replica without the leader key to take still has its own house to put in order (rules 70 and up). */
function isFollowing(view: View): boolean {
  return view.sync !== null && !view.recorded;
}
