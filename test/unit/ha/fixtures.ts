/** A two-member stack in order, as one agent sees it. */
import type { Position } from '#src/gtid/position.ts';
import type { Effect } from '#src/ha/effects.ts';
import type { Cluster, MemberReport, Sync } from '#src/ha/keys.ts';
import { serverIdOfEpoch } from '#src/ha/keys.ts';
import type { RunningServer } from '#src/ha/observation.ts';
import { type Config, type Done, initialState, type State } from '#src/ha/state.ts';
import { type Step, step } from '#src/ha/step.ts';

export const epoch = 10;

export function at(sequence: number, server = serverIdOfEpoch(epoch)): Position {
  return [{ domain: 0, server, sequence }];
}

export const config: Config = {
  stackId: 'stack',
  self: 'a',
  members: ['a', 'b'],
  leaving: [],
  mode: 'required',
  serverId: 1,
  leaseTtlMs: 2_000,
  leaseMarginMs: 200,
  degradeAfterMs: 1_000,
  restartEstimateMs: 10_000,
  failoverEstimateMs: 1_000,
  stableAfterMs: 60_000,
  freeFailovers: 2,
  flapHoldMs: 30_000,
  switchoverLimitMs: 3_000,
};

export const sync: Sync = {
  leader: 'a',
  epoch,
  members: ['a', 'b'],
  joining: null,
  mayAcknowledge: ['b'],
  modRevision: 12,
};

export const reportB: MemberReport = {
  member: 'b',
  markerEpoch: epoch,
  up: true,
  writable: false,
  received: at(5),
  applied: at(5),
  following: 'a',
  sqlRunning: true,
  acknowledging: true,
  sourceOn: false,
  flushes: true,
  syncSeen: 12,
  storeWentBack: false,
  problem: null,
};

export const cluster: Cluster = {
  stackId: 'stack',
  revision: 20,
  leader: { holder: 'a', createRevision: epoch, lease: 'l1' },
  sync,
  members: { b: reportB },
  history: [{ epoch, holder: 'a', start: [] }],
  request: null,
  maintenance: false,
};

export const primary: RunningServer = {
  state: 'up',
  serverId: serverIdOfEpoch(epoch),
  readOnly: false,
  stackId: 'stack',
  markerEpoch: epoch,
  applied: at(5),
  received: at(5),
  relayUnread: false,
  replication: null,
  semiSyncSource: true,
  waitingCommits: 0,
  confirmations: 4,
  replicas: ['b'],
  acknowledging: false,
  flushesEvents: true,
  denied: [],
  truncated: false,
  diskFull: false,
};

export const replica: RunningServer = {
  ...primary,
  serverId: 2,
  readOnly: true,
  semiSyncSource: false,
  replicas: [],
  acknowledging: true,
  replication: { source: 'a', ioRunning: true, connected: true, sqlRunning: true, error: null },
};

/** An agent in a state of knowledge: what it has read at `now`, with nothing under way. */
export function knowing(
  now: number,
  parts: Partial<State> & { seen?: Cluster; server?: RunningServer },
): State {
  const { seen = cluster, server = primary, ...rest } = parts;
  return {
    ...initialState(config),
    now,
    lease: { id: 'l1', deadline: now + 1_800 },
    leaseEffectAt: now,
    cluster: { value: seen, sentAt: now },
    database: { value: server, sentAt: now },
    reportedAt: now,
    highestRevision: seen.revision,
    ...rest,
  };
}

export function tick(state: State, now = state.now + 1): Step {
  return step(state, { type: 'tick', now });
}

/** The answer to a command that a step gave out. */
export function answered(
  from: Step,
  kind: Effect['kind'],
  answer: Omit<Partial<Done>, 'type'> & { now: number },
): Step {
  const command = from.effects.find((one) => one.effect.kind === kind);
  if (command === undefined) throw new Error(`${kind} was not asked for`);
  return step(from.state, {
    outcome: 'ok',
    sentAt: from.state.now,
    ...answer,
    type: 'done',
    id: command.id,
    effect: command.effect,
  });
}

export function kinds(result: Step): string[] {
  return result.effects.map((command) => command.effect.kind);
}
