/** The decision core's view of etcd: one read of everything, and transactions that compare what that read showed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import type { Compare, Operation } from '#src/adapters/etcd/codec.ts';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import type { ClusterEffect, EtcdEffect, LeaseEffect, ReportEffect } from '#src/ha/effects.ts';
import type { Cluster } from '#src/ha/keys.ts';
import {
  decodeCluster,
  encodeHistory,
  encodeReport,
  encodeSync,
  storeKeys,
  storePrefix,
  UnreadableRecord,
} from '#src/ha/store-format.ts';
import type { Outcome } from './outcome.ts';

/** A request that has no answer by then is unknown. Half of the shortest lease: a late renewal leaves time for another. */
const limitMs = 500;

/** Why a record is written; it is kept with an epoch's first one. */
export interface Reason {
  readonly rule: number;
  readonly sentence: string;
}

export class HaStore {
  readonly #etcd: EtcdClient;
  readonly #self: string;
  /** Told which record can't be understood; undefined: all can. */
  onUnreadable: (reason: string | undefined) => void = () => undefined;

  constructor(etcd: EtcdClient, self: string) {
    this.#etcd = etcd;
    this.#self = self;
  }

  async lease(effect: LeaseEffect): Promise<Outcome> {
    return classify(async () => {
      if (effect.kind === 'grantLease') {
        const lease = await this.#etcd.leaseGrant(Math.ceil(effect.ttlMs / 1_000), { timeoutMs: limitMs });
        return { outcome: 'ok', lease };
      }
      const left = await this.#etcd.leaseKeepAlive(effect.lease, { timeoutMs: limitMs });
      return { outcome: left === undefined ? 'refused' : 'ok' };
    });
  }

  async cluster(_effect: ClusterEffect): Promise<Outcome> {
    return classify(async () => {
      try {
        const cluster = await this.read();
        this.onUnreadable(undefined);
        return { outcome: 'ok', cluster };
      } catch (error) {
        if (!(error instanceof UnreadableRecord)) throw error;
        this.onUnreadable(error.message);
        // As late as when nobody answers: after a read that failed the core reads again at once.
        await sleep(limitMs);
        return { outcome: 'unknown', reason: error.message };
      }
    });
  }

  /** Linearizable. Throws an `EtcdError` or an `UnreadableRecord`. */
  async read(timeoutMs = limitMs): Promise<Cluster> {
    const { kvs, revision } = await this.#etcd.range(storePrefix, { prefix: true, timeoutMs });
    return decodeCluster(kvs, revision);
  }

  async report(effect: ReportEffect): Promise<Outcome> {
    return classify(async () => {
      await this.#etcd.put(storeKeys.member(this.#self), encodeReport(effect.report), {
        lease: effect.lease,
        timeoutMs: limitMs,
      });
      return { outcome: 'ok' };
    });
  }

  async transact(effect: EtcdEffect, reason: Reason): Promise<Outcome> {
    return classify(async () => {
      const { compare, success } = transactionOf(effect, this.#self, reason);
      const { succeeded, revision } = await this.#etcd.txn({ compare, success }, { timeoutMs: limitMs });
      return succeeded ? { outcome: 'ok', revision } : { outcome: 'refused' };
    });
  }
}

/** Never more than two agents' clocks apart; for people, not for decisions. */
const wallClock = (): number => Date.now();

function transactionOf(
  effect: EtcdEffect,
  self: string,
  reason: Reason,
): { compare: Compare[]; success: Operation[] } {
  const leaderIs = (number: number): Compare => ({ target: 'createRevision', key: storeKeys.leader, number });
  const syncIs = (number: number): Compare => ({ target: 'modRevision', key: storeKeys.sync, number });
  switch (effect.kind) {
    case 'takeLeader':
      return {
        compare: [leaderIs(0), syncIs(effect.syncModRevision)],
        success: [{ op: 'put', key: storeKeys.leader, value: self, lease: effect.lease }],
      };
    case 'releaseLeader':
      return {
        compare: [leaderIs(effect.leaderRevision), syncIs(effect.syncModRevision)],
        success: [{ op: 'delete', key: storeKeys.leader }],
      };
    case 'writeSync': {
      const { history } = effect;
      const success: Operation[] = [{ op: 'put', key: storeKeys.sync, value: encodeSync(effect.sync) }];
      if (history !== null) {
        const value = encodeHistory({ ...history, atMs: wallClock(), ...reason });
        success.push({ op: 'put', key: storeKeys.history(history.epoch), value });
        success.push({ op: 'delete', key: storeKeys.request });
      }
      return { compare: [leaderIs(effect.leaderRevision), syncIs(effect.syncModRevision)], success };
    }
    case 'clearRequest':
      return {
        compare: [leaderIs(effect.leaderRevision)],
        success: [{ op: 'delete', key: storeKeys.request }],
      };
    default:
      return effect satisfies never;
  }
}

/** `refused` only when it certainly did not happen: a timeout means unknown, never no. */
async function classify(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return { outcome: error.failure === 'refused' ? 'refused' : 'unknown', reason: error.message };
  }
}
