/** The decision core: `step(state, event)`. No I/O, no clock, no randomness; the agent and the simulator both run it. */
import { emptyPosition, sameTransactions } from '#src/gtid/position.ts';
import { absorb } from './absorb.ts';
import { type Command, channelOf, type Effect } from './effects.ts';
import { type MemberReport, standbyOf } from './keys.ts';
import { memberProblem } from './problems.ts';
import { rules as allRules } from './rules.ts';
import { type Draft, type Event, issue, type State } from './state.ts';
import { type Rule, type View, viewOf } from './view.ts';

export interface Step {
  readonly state: State;
  /** What to do now, each to be answered by one `done` event. */
  readonly effects: readonly Command[];
  /** The number of the rule that decided; 0 when none applied. */
  readonly rule: number;
  /** What was seen and decided, for the log and the API. Made when asked for: most cycles repeat the last one. */
  readonly sentence: string;
}

/** How old the view of the server may get before it is looked at again, by the tick. */
const probeEveryMs = 400;
/** And that of etcd; a watch tells of changes, and this is for a watch that has gone silent. */
const readEveryMs = 800;
/** The server is looked at with every tick while something is expected of it. */
const probeUnsettledEveryMs = 150;
/** A report is written again after this time even when nothing changed. */
const reportEveryMs = 5_000;
/** And after this when only positions moved and nobody waits for them: each report is a flush on every etcd member. */
const movedEveryMs = 1_000;

const bookkeeping: ReadonlySet<string> = new Set(['keepAlive', 'putReport']);
const noCommands: readonly Command[] = [];

/** One event in, decisions out. `rules` is there for the simulator's mutations; agents use the table. */
export function step(before: State, event: Event, rules: readonly Rule[] = allRules): Step {
  const state = absorb(before, event);
  // A renewed lease or a written report is no reason to decide: the next tick comes soon.
  if (event.type === 'done' && bookkeeping.has(event.effect.kind)) {
    return { state, effects: noCommands, rule: 0, sentence: 'noted' };
  }
  let commands = noCommands;
  let rule = 0;
  let sentence = 'nothing to decide';
  const view = viewOf(state);
  for (const row of rules) {
    if (!row.when(view)) continue;
    const decision = row.build(view);
    rule = row.number;
    sentence = decision.sentence;
    const effects = decision.effects.filter((e) => state.pending[channelOf[e.kind]] === 0);
    if (effects.length > 0) {
      Object.assign(state, decision.patch);
      commands = issue(state, effects);
    }
    break;
  }
  const upkeep = issue(state, upkeepEffects(commands.length === 0 ? view : viewOf(state)));
  if (upkeep.length === 0) return { state, effects: commands, rule, sentence };
  noteUpkeep(state, upkeep);
  return { state, effects: commands.length === 0 ? upkeep : [...commands, ...upkeep], rule, sentence };
}

function noteUpkeep(state: Draft, commands: readonly Command[]): void {
  for (const { effect } of commands) {
    if (effect.kind === 'putReport') {
      state.reported = effect.report;
      state.reportedAt = state.now;
    } else if (effect.kind === 'keepAlive' || effect.kind === 'grantLease') state.leaseEffectAt = state.now;
  }
}

/** What every cycle does whatever was decided: read, probe, renew, report. */
function upkeepEffects(view: View): Effect[] {
  const { state, config, now } = view;
  const { pending, cluster, database, lease } = state;
  const effects: Effect[] = [];
  const settled = pending.etcd === 0;
  if (
    pending.cluster === 0 &&
    settled &&
    (!view.clusterFresh || now - (cluster?.sentAt ?? 0) >= readEveryMs)
  ) {
    effects.push({ kind: 'readCluster' });
  }
  const quiet = pending.database === 0 && pending.process === 0;
  const probeAfterMs = unsettled(view) ? probeUnsettledEveryMs : probeEveryMs;
  if (
    pending.probe === 0 &&
    quiet &&
    (!view.databaseFresh || now - (database?.sentAt ?? 0) >= probeAfterMs)
  ) {
    effects.push({ kind: 'probeDatabase' });
  }
  if (pending.lease === 0 && cluster !== null) {
    if (lease === null) effects.push({ kind: 'grantLease', ttlMs: config.leaseTtlMs });
    else if (lease.deadline < 0 || now - state.leaseEffectAt >= config.leaseTtlMs * renewalShare(view)) {
      effects.push({ kind: 'keepAlive', lease: lease.id });
    }
  }
  if (
    pending.report === 0 &&
    lease !== null &&
    lease.deadline > 0 &&
    view.databaseFresh &&
    view.clusterFresh
  ) {
    const report = reportOf(view);
    const { reported } = state;
    const age = now - state.reportedAt;
    const changed = reported === null || !sameStanding(report, reported);
    const moved = reported !== null && !samePositions(report, reported);
    if (age >= reportEveryMs || changed || (moved && (isWaitedFor(view) || age >= movedEveryMs))) {
      effects.push({ kind: 'putReport', report, lease: lease.id });
    }
  }
  return effects;
}

/** A leader's lease is renewed early enough for two late renewals; a replica's carries its report alone. */
function renewalShare(view: View): number {
  return view.leads || view.leader === null ? 0.2 : 0.4;
}

/** A connection, a promotion or a new standby is under way. */
function unsettled({ server, sync, recorded }: View): boolean {
  if (server === null || sync === null) return true;
  if (recorded) return server.readOnly || sync.joining !== null || server.waitingCommits > 0;
  return server.replication?.connected !== true || sync.joining !== null;
}

/** The member's report, from fresh views only: `syncSeen` vouches that no older decision to acknowledge is under way. */
export function reportOf(view: View): MemberReport {
  const { server, sync, state, self } = view;
  const probedAfterRead = (state.database?.sentAt ?? -1) >= (state.cluster?.sentAt ?? 0);
  const problem = memberProblem(view);
  const connected = server?.replication?.connected === true;
  // An older sync seen is kept when the probe is older than the read: the proof is of the moment of the probe.
  const seen = sync === null ? -1 : sync.modRevision;
  const previous = state.reported?.syncSeen ?? -1;
  return {
    member: self,
    markerEpoch: server?.markerEpoch ?? 0,
    up: server !== null,
    writable: server !== null && !server.readOnly,
    received: server?.received ?? emptyPosition,
    applied: server?.applied ?? emptyPosition,
    following: connected ? (server?.replication?.source ?? null) : null,
    sqlRunning: server?.replication?.sqlRunning ?? false,
    acknowledging: server?.acknowledging ?? false,
    sourceOn: server?.semiSyncSource ?? false,
    flushes: server?.flushesEvents ?? false,
    syncSeen: server === null ? -1 : probedAfterRead ? seen : previous,
    storeWentBack: state.storeWentBack,
    problem: problem === null ? null : problem.sentence,
  };
}

/** Whether somebody waits to see how far this member is: before it is named, before a primary opens, in a switchover. */
function isWaitedFor({ cluster, sync, standby, config }: View): boolean {
  if (cluster === null || sync === null) return true;
  // Its place goes to a member that is close behind.
  if (standby !== null && config.leaving.includes(standby)) return true;
  if (standbyOf(sync) === null || cluster.request !== null) return true;
  return cluster.members[sync.leader]?.writable !== true;
}

function samePositions(a: MemberReport, b: MemberReport): boolean {
  return sameTransactions(a.received, b.received) && sameTransactions(a.applied, b.applied);
}

function sameStanding(a: MemberReport, b: MemberReport): boolean {
  return (
    a.markerEpoch === b.markerEpoch &&
    a.up === b.up &&
    a.writable === b.writable &&
    a.following === b.following &&
    a.sqlRunning === b.sqlRunning &&
    a.acknowledging === b.acknowledging &&
    a.sourceOn === b.sourceOn &&
    a.flushes === b.flushes &&
    a.syncSeen === b.syncSeen &&
    a.problem === b.problem &&
    a.storeWentBack === b.storeWentBack
  );
}
