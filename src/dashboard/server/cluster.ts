/** The database's records in etcd, followed by a watch: what an agent writes there is known here a moment later. */
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import type { KeyValue } from '#src/adapters/etcd/codec.ts';
import { PrefixWatch } from '#src/adapters/etcd/watch.ts';
import type { Cluster } from '#src/ha/keys.ts';
import {
  decodeCluster,
  decodeHistoryRecords,
  type HistoryRecord,
  type MaintenanceRecord,
  storeKeys,
  storePrefix,
} from '#src/ha/store-format.ts';

export class ClusterWatch {
  readonly #watch: PrefixWatch;
  #keys = new Map<string, KeyValue>();
  #revision = 0;
  #isKnown = false;
  #decoded: { readonly cluster: Cluster | null; readonly history: readonly HistoryRecord[] } | undefined;
  onChange: () => void = () => undefined;

  constructor(etcd: EtcdClient) {
    this.#watch = new PrefixWatch(etcd, storePrefix, {
      onSnapshot: (kvs, revision) => {
        this.#keys = new Map(kvs.map((kv) => [kv.key, kv]));
        this.#changed(revision);
      },
      onEvents: (events, revision) => {
        for (const { type, kv } of events) {
          if (type === 'delete') this.#keys.delete(kv.key);
          else this.#keys.set(kv.key, kv);
        }
        this.#changed(revision);
      },
      onConnection: () => this.onChange(),
    });
  }

  /** False: what is known may be out of date. */
  get connected(): boolean {
    return this.#watch.connected;
  }

  /** Null while nothing was read, or when it can't be understood. */
  get cluster(): Cluster | null {
    return this.#decode().cluster;
  }

  get history(): readonly HistoryRecord[] {
    return this.#decode().history;
  }

  get maintenance(): MaintenanceRecord | null {
    const found = this.#keys.get(storeKeys.maintenance);
    if (found === undefined) return null;
    try {
      const { by, sinceMs } = JSON.parse(found.value) as MaintenanceRecord;
      return { by: String(by), sinceMs: Number(sinceMs) };
    } catch {
      return { by: 'unknown', sinceMs: 0 };
    }
  }

  close(): void {
    this.#watch.close();
  }

  #changed(revision: number): void {
    this.#revision = revision;
    this.#isKnown = true;
    this.#decoded = undefined;
    this.onChange();
  }

  #decode() {
    if (!this.#isKnown) return { cluster: null, history: [] };
    if (this.#decoded === undefined) {
      const keys = [...this.#keys.values()];
      try {
        this.#decoded = { cluster: decodeCluster(keys, this.#revision), history: decodeHistoryRecords(keys) };
      } catch {
        this.#decoded = { cluster: null, history: [] };
      }
    }
    return this.#decoded;
  }
}
