/** A planned change of the primary: drain, hand over, or give up before the key is released. */
import { contains } from '#src/gtid/position.ts';
import { act, type Rule, type View, wait } from './view.ts';

/** The request that this primary is to fulfil now; null when there is none, or it is of another epoch. */
function requested(view: View) {
  const request = view.cluster?.request ?? null;
  if (request === null || !view.leads || !view.recorded || !view.clusterFresh || !view.databaseFresh)
    return null;
  return request;
}

function ready(view: View): boolean {
  const request = requested(view);
  if (request === null || view.server === null || request.epoch !== view.sync?.epoch) return false;
  const report = view.cluster?.members[request.to];
  const named = view.config.mode === 'async' || view.standby === request.to;
  return named && report !== undefined && report.problem === null && report.following === view.self;
}

function overdue(view: View): boolean {
  const request = requested(view);
  if (request === null) return false;
  if (request.epoch !== view.sync?.epoch || request.to === view.self || view.state.drainGivenUp) return true;
  if (!view.config.members.includes(request.to) || view.cluster?.maintenance === true) return true;
  const since = view.state.requestSince;
  return since !== null && view.now - since >= view.config.switchoverLimitMs;
}

function caughtUp(view: View): boolean {
  const request = requested(view);
  // Closed, with the source side on and nothing waiting: the standby has acknowledged all that was written.
  const acknowledged = view.config.mode !== 'async' && view.standby === request?.to;
  if (acknowledged && view.server?.readOnly === true && view.server.semiSyncSource) {
    return view.server.waitingCommits === 0;
  }
  const report = request === null ? undefined : view.cluster?.members[request.to];
  return (
    view.server?.readOnly === true &&
    view.server.waitingCommits === 0 &&
    report !== undefined &&
    contains(report.received, view.server.applied)
  );
}

export const switchoverRules: readonly Rule[] = [
  {
    number: 45,
    name: 'GiveUpSwitchover',
    comment:
      'The target is unknown, is the primary, or was not ready in time: the request is withdrawn before the key is released, and the primary opens again.',
    when: overdue,
    build: (v) =>
      act(
        { kind: 'clearRequest', leaderRevision: v.leader?.createRevision ?? -1 },
        `gives the switchover to ${v.cluster?.request?.to} up: ${v.state.drainGivenUp ? 'transactions stayed open' : 'it was not ready in time'}`,
        { drainingSince: null },
      ),
  },
  {
    number: 46,
    name: 'Drain',
    comment: 'The target is the sync standby and healthy: the primary closes for writes once.',
    when: (v) => ready(v) && v.server?.readOnly === false,
    build: (v) =>
      act({ kind: 'closeServer', drain: true }, `drains for the switchover to ${v.cluster?.request?.to}`, {
        drainingSince: v.now,
      }),
  },
  {
    number: 47,
    name: 'HandOver',
    comment:
      'Nothing is written any more and the target has received everything: the key is released, from here it rolls forward.',
    when: (v) => ready(v) && caughtUp(v),
    build: (v) =>
      act(
        {
          kind: 'releaseLeader',
          leaderRevision: v.leader?.createRevision ?? -1,
          syncModRevision: v.sync?.modRevision ?? -1,
        },
        `hands over to ${v.cluster?.request?.to}`,
      ),
  },
  {
    number: 48,
    name: 'AwaitTarget',
    comment: 'Closed, and the target has not reported everything yet.',
    when: (v) => ready(v) && v.server?.readOnly === true,
    build: (v) => wait(`waits until ${v.cluster?.request?.to} has received everything`),
  },
];
