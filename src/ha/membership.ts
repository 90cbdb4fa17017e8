/**
 * The sync set. MariaDB waits for one acknowledgement from anybody, so while `sync` names a standby, nobody else may be
 * able to acknowledge. The way in: alone → invited (may acknowledge, not promotable) → source side on → the standby
 * has received a barrier → named. The way out: recorded as alone, then read back; only then the source side goes off,
 * because switching it off confirms all that waits.
 */
import { contains } from '#src/gtid/position.ts';
import type { SyncValue } from './effects.ts';
import type { MemberName, MemberReport } from './keys.ts';
import { act, type Decision, type Rule, type View, wait } from './view.ts';

/** This agent leads a running primary whose marker is written, on fresh views, in a mode with a standby. */
function manages(view: View): boolean {
  return (
    view.leads &&
    view.recorded &&
    view.clusterFresh &&
    view.databaseFresh &&
    view.server !== null &&
    view.server.markerEpoch === view.sync?.epoch &&
    view.config.mode !== 'async'
  );
}

function reportOf(view: View, member: MemberName | null): MemberReport | null {
  return member === null ? null : (view.cluster?.members[member] ?? null);
}

/** Follows this epoch without a problem. */
function follows(view: View, report: MemberReport | null): boolean {
  return (
    report !== null &&
    report.problem === null &&
    report.following === view.self &&
    report.sqlRunning &&
    report.markerEpoch === view.sync?.epoch
  );
}

/** The member said, of a connection state decided by the present `sync`, that it doesn't acknowledge. */
function provedStopped(view: View, member: MemberName): boolean {
  const report = reportOf(view, member);
  return report !== null && !report.acknowledging && report.syncSeen >= (view.sync?.modRevision ?? 0);
}

function denied(view: View, member: MemberName): boolean {
  return (
    (view.server?.denied.includes(member) ?? false) && !(view.server?.replicas.includes(member) ?? false)
  );
}

/** That a standby has stopped is seen up to a probe late, and acted on up to a tick late: writes wait for both. */
const actedLateMs = 200;

function lostFor(view: View): number {
  return view.state.standbyLostSince === null ? 0 : view.now - view.state.standbyLostSince;
}

/**
 * The best member to invite: the switchover's target, else the first in the stack's order that follows; one that is on its
 * way out only when there is no other.
 */
function invitee(view: View): MemberName | null {
  const wanted = view.cluster?.request?.to;
  if (wanted !== undefined && wanted !== view.self && follows(view, reportOf(view, wanted))) return wanted;
  const { members, leaving } = view.config;
  const found = members.find((member) => !leaving.includes(member) && isFit(view, member));
  if (found !== undefined) return found;
  return staysAlone(view) ? null : (leaving.find((member) => isFit(view, member)) ?? null);
}

/** Every other member is on its way out. */
function staysAlone({ config, self }: View): boolean {
  return config.members.every((member) => member === self || config.leaving.includes(member));
}

function isFit(view: View, member: MemberName): boolean {
  if (member === view.self || view.server?.denied.includes(member) === true) return false;
  return follows(view, reportOf(view, member)) && closeBehind(view, member);
}

/** The standby is on its way out, and another member can take its place; null otherwise. */
function successor(view: View): MemberName | null {
  const { standby, config } = view;
  if (standby === null || !config.leaving.includes(standby)) return null;
  const other = invitee(view);
  return other === null || config.leaving.includes(other) ? null : other;
}

/** Someone who may still acknowledge and is neither the standby nor invited. */
function lingering(view: View): MemberName[] {
  const { sync, standby } = view;
  return sync === null ? [] : sync.mayAcknowledge.filter((m) => m !== standby && m !== sync.joining);
}

function write(view: View, change: Partial<SyncValue>, sentence: string, invitedAt?: number): Decision {
  const { sync, leader } = view;
  if (sync === null || leader === null) return wait('etcd has not been read');
  const { modRevision, ...value } = sync;
  return act(
    {
      kind: 'writeSync',
      leaderRevision: leader.createRevision,
      syncModRevision: modRevision,
      sync: { ...value, ...change },
      history: null,
    },
    sentence,
    invitedAt === undefined ? undefined : { invitedAt },
  );
}

function joiningReady(view: View): boolean {
  const report = reportOf(view, view.sync?.joining ?? null);
  return follows(view, report) && report?.acknowledging === true;
}

/** Whether a member has received what this server had a moment ago. */
function closeBehind(view: View, member: MemberName | null): boolean {
  const report = reportOf(view, member);
  const earlier = view.state.marks[1] ?? view.state.marks[0];
  return report !== null && earlier !== undefined && contains(report.received, earlier.position);
}

function mayUnname(view: View): boolean {
  const { standby, config } = view;
  if (standby === null) return false;
  if (config.mode === 'required' && config.leaving.includes(standby) && staysAlone(view)) return true;
  const wanted = view.cluster?.request;
  if (
    wanted != null &&
    wanted.epoch === view.sync?.epoch &&
    wanted.to !== standby &&
    invitee(view) === wanted.to
  ) {
    return true;
  }
  if (lostFor(view) < config.degradeAfterMs - actedLateMs) return false;
  const other = invitee(view);
  return config.mode === 'required' || (other !== null && other !== standby);
}

/** Rules on the way out, which come before the steps of promotion: a lost standby must not keep a primary closed. */
export const degradeRules: readonly Rule[] = [
  {
    number: 26,
    name: 'ReplaceLeaving',
    comment:
      "The standby is on its way out of the stack and another member follows closely: in one write `sync` names only the primary, and invites the other. Commits go on waiting for an acknowledgement, the old standby's until it stops.",
    when: (v) => manages(v) && v.cluster?.request === null && successor(v) !== null,
    build: (v) => {
      const joining = successor(v) ?? '';
      const mayAcknowledge = [...new Set([...(v.sync?.mayAcknowledge ?? []), joining])].sort();
      const sentence = `invites ${joining} in place of ${v.standby}, which leaves the stack`;
      return write(v, { members: [v.self], joining, mayAcknowledge }, sentence, v.now);
    },
  },
  {
    number: 27,
    name: 'RecordAlone',
    comment:
      'The standby has not confirmed for `degradeAfter`, another member shall take its place, or it leaves the stack and nobody can: first `sync` records that only the primary has every acknowledged write. Commits keep waiting until that is certain.',
    when: (v) => manages(v) && mayUnname(v),
    build: (v) => write(v, { members: [v.self], joining: null }, `takes ${v.standby} out of sync`),
  },
  {
    number: 28,
    name: 'SourceOff',
    comment:
      'A read sent after the write shows `sync` = [self], written by this very agent: nobody else can be promoted, so what waits may be confirmed and writes go on alone.',
    when: (v) => manages(v) && mayGoAlone(v) && v.sync?.modRevision === v.state.aloneRevision,
    build: (v) => act({ kind: 'sourceOff' }, `goes on without a standby: sync names only ${v.self}`),
  },
  {
    number: 29,
    name: 'RecordAloneAgain',
    comment:
      '`sync` names only this member, but an earlier write of unknown outcome may still be under way: it is written once more, before the source side goes off or the server opens without it, which makes every earlier one void.',
    when: (v) =>
      manages(v) && (mayGoAlone(v) || opensAlone(v)) && v.sync?.modRevision !== v.state.aloneRevision,
    build: (v) => write(v, {}, 'records once more that it is alone, so that no earlier write can follow'),
  },
];

/** About to open with the source side off: as final as switching it off. */
function opensAlone(view: View): boolean {
  const { server, config, standby } = view;
  return (
    config.mode === 'required' && standby === null && server?.readOnly === true && !server.semiSyncSource
  );
}

function mayGoAlone(view: View): boolean {
  const { sync, server, config } = view;
  if (sync === null || server === null || !server.semiSyncSource) return false;
  if (config.mode !== 'required' || sync.members.length > 1) return false;
  return sync.joining === null || lostFor(view) >= config.degradeAfterMs;
}

export const membershipRules: readonly Rule[] = [
  {
    number: 50,
    name: 'ForgetAcknowledger',
    comment:
      'A member that may have been acknowledging has proved that it stopped, or is locked out of this server: it is no longer counted.',
    when: (v) => manages(v) && lingering(v).some((m) => provedStopped(v, m) || denied(v, m)),
    build: (v) => {
      const gone = lingering(v).filter((m) => provedStopped(v, m) || denied(v, m));
      const mayAcknowledge = (v.sync?.mayAcknowledge ?? []).filter((m) => !gone.includes(m));
      return write(v, { mayAcknowledge }, `${gone.join(', ')} cannot acknowledge any more`);
    },
  },
  {
    number: 51,
    name: 'Invite',
    comment:
      'The primary is alone: a member that follows this epoch closely is invited to acknowledge. One that is far behind catches up first, without a flush for each event.',
    when: (v) => manages(v) && v.standby === null && v.sync?.joining === null && invitee(v) !== null,
    build: (v) => {
      const joining = invitee(v) ?? '';
      const mayAcknowledge = [...new Set([...(v.sync?.mayAcknowledge ?? []), joining])].sort();
      return write(v, { joining, mayAcknowledge }, `invites ${joining} as sync standby`, v.now);
    },
  },
  {
    number: 52,
    name: 'WithdrawInvitation',
    comment: 'The invited member makes no progress: another one gets its chance.',
    when: (v) =>
      manages(v) &&
      v.sync?.joining != null &&
      !joiningReady(v) &&
      v.now - v.state.invitedAt > 2 * v.config.degradeAfterMs,
    build: (v) => write(v, { joining: null }, `withdraws the invitation of ${v.sync?.joining}`),
  },
  {
    number: 53,
    name: 'LockOut',
    comment:
      'The invited member is ready, but one that acknowledged earlier does not report: its replication account is locked on this server, because it could come back and acknowledge what the named standby lacks.',
    when: (v) => manages(v) && joiningReady(v) && silentLingerer(v) !== null,
    build: (v) => {
      const member = silentLingerer(v) ?? '';
      return act(
        { kind: 'denyReplica', member },
        `locks ${member} out until it proves that it does not acknowledge`,
      );
    },
  },
  {
    number: 54,
    name: 'LetIn',
    comment: 'A member that was locked out reports that it does not acknowledge: it may replicate again.',
    when: (v) => manages(v) && readmitted(v) !== null,
    build: (v) => {
      const member = readmitted(v) ?? '';
      return act({ kind: 'allowReplica', member }, `lets ${member} replicate again`);
    },
  },
  {
    number: 55,
    name: 'SourceOn',
    comment: 'The invited member acknowledges: from now on every commit waits for it.',
    when: (v) => manages(v) && v.server?.semiSyncSource === false && (joiningReady(v) || v.standby !== null),
    build: () => act({ kind: 'sourceOn' }, 'switches the source side on: commits wait for the standby'),
  },
  {
    number: 56,
    name: 'Name',
    comment:
      'The invited member has received everything up to a moment at which the source side was on and nobody else could acknowledge any more, and what it acknowledges is on disk: it certainly has every acknowledged write, and is named.',
    when: (v) => {
      const { barrier } = v.state;
      const report = reportOf(v, v.sync?.joining ?? null);
      return (
        manages(v) &&
        joiningReady(v) &&
        barrier !== null &&
        report?.flushes === true &&
        barrier.joining === report.member &&
        contains(report.received, barrier.position) &&
        lingering(v).length === 0 &&
        v.standby === null &&
        v.server?.semiSyncSource === true &&
        lostFor(v) === 0
      );
    },
    build: (v) => {
      const joining = v.sync?.joining ?? '';
      return write(v, { members: [v.self, joining], joining: null }, `names ${joining} as sync standby`);
    },
  },
  {
    number: 57,
    name: 'Barrier',
    comment:
      'A commit that began to wait, or waited over a reconnect, when the standby already had it is not released by that; the next write releases it.',
    when: (v) => {
      const partner = v.standby ?? v.sync?.joining ?? null;
      const report = reportOf(v, partner);
      return (
        manages(v) &&
        v.state.pending.barrier === 0 &&
        ((v.state.releaseDue && v.server?.semiSyncSource === true) ||
          ((v.server?.waitingCommits ?? 0) > 0 &&
            lostFor(v) > 0 &&
            report?.acknowledging === true &&
            contains(report.received, v.server?.applied ?? [])))
      );
    },
    build: () => act({ kind: 'writeBarrier' }, 'writes a barrier to release commits that the standby has'),
  },
];

function silentLingerer(view: View): MemberName | null {
  for (const member of lingering(view)) {
    if (reportOf(view, member) === null && !view.server?.denied.includes(member)) return member;
  }
  return null;
}

function readmitted(view: View): MemberName | null {
  for (const member of view.server?.denied ?? []) {
    if (!lingering(view).includes(member) && provedStopped(view, member)) return member;
  }
  return null;
}
