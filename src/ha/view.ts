/** What rules read: the state, and the facts that follow from it. */

import type { Effect } from './effects.ts';
import type { Cluster, HistoryEntry, Leader, MemberName, Sync } from './keys.ts';
import { standbyOf } from './keys.ts';
import type { RunningServer } from './observation.ts';
import type { Config, State } from './state.ts';

export interface View {
  readonly state: State;
  readonly config: Config;
  readonly self: MemberName;
  readonly now: number;
  readonly cluster: Cluster | null;
  readonly leader: Leader | null;
  readonly sync: Sync | null;
  readonly standby: MemberName | null;
  /** The running server's latest observation; null when it is down, silent or never seen. */
  readonly server: RunningServer | null;
  readonly serverState: 'up' | 'down' | 'silent' | 'unseen';
  /** The cluster was read after all etcd effects came back, and none is under way. */
  readonly clusterFresh: boolean;
  /** The server was probed after all its effects came back, and none is under way. */
  readonly databaseFresh: boolean;
  readonly leaseValid: boolean;
  /** The leader key is held by this agent, with the lease that it renews. */
  readonly leads: boolean;
  /** `sync` records this member as the primary of its epoch. */
  readonly recorded: boolean;
}

/** What a rule decided. `effects` empty: it waits for what the sentence says. */
export interface Decision {
  readonly effects: readonly Effect[];
  readonly sentence: string;
  readonly patch?: Partial<State>;
}

/** One row of the rules' table. */
export interface Rule {
  /** Stable: it stands in logs, alerts and documents. */
  readonly number: number;
  readonly name: string;
  /** Why the rule is there, for people. */
  readonly comment: string;
  readonly when: (view: View) => boolean;
  readonly build: (view: View) => Decision;
}

export function viewOf(state: State): View {
  const { cluster, database, config, pending } = state;
  const leader = cluster?.value.leader ?? null;
  const sync = cluster?.value.sync ?? null;
  const observed = database?.value;
  const lease = state.lease;
  return {
    state,
    config,
    self: config.self,
    now: state.now,
    cluster: cluster?.value ?? null,
    leader,
    sync,
    standby: sync === null ? null : standbyOf(sync),
    server: observed?.state === 'up' ? observed : null,
    serverState: observed?.state ?? 'unseen',
    clusterFresh: cluster !== null && pending.etcd === 0 && cluster.sentAt >= state.clusterStaleBefore,
    databaseFresh:
      database !== null &&
      pending.database === 0 &&
      pending.process === 0 &&
      database.sentAt >= state.databaseStaleBefore,
    leaseValid: lease !== null && lease.deadline > state.now,
    leads: leader !== null && leader.holder === config.self && lease !== null && leader.lease === lease.id,
    recorded: sync !== null && sync.leader === config.self,
  };
}

/** A fact that several rules ask for: worked out once for each view. */
export function once<T>(fact: (view: View) => T): (view: View) => T {
  let last: { readonly view: View; readonly value: T } | null = null;
  return (view) => {
    if (last === null || last.view !== view) last = { view, value: fact(view) };
    return last.value;
  };
}

/** One effect and its sentence. */
export function act(effect: Effect, sentence: string, patch?: Partial<State>): Decision {
  return patch === undefined ? { effects: [effect], sentence } : { effects: [effect], sentence, patch };
}

/** Nothing to do but wait. */
export function wait(sentence: string): Decision {
  return { effects: [], sentence };
}

/** Where the epoch that followed `markerEpoch` began; null when `markerEpoch` is the latest. */
export function epochAfter(cluster: Cluster, markerEpoch: number): HistoryEntry | null {
  for (const entry of cluster.history) if (entry.epoch > markerEpoch) return entry;
  return null;
}
