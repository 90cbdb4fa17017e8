/**
 * The topology from etcd, which the agents write (src/ha/store-format.ts). While etcd is away, or holds something that
 * can't be read, the last knowledge stays: the servers' own fence keeps an old primary from confirming writes.
 */
import { EtcdClient, type EtcdOptions } from '#src/adapters/etcd/client.ts';
import { PrefixWatch } from '#src/adapters/etcd/watch.ts';
import type { Cluster } from '#src/ha/keys.ts';
import { decodeCluster, type StoredKey, storePrefix } from '#src/ha/store-format.ts';
import type { RouterLog } from '../session/host.ts';
import { type Member, type MemberAddress, StaticTopology, type TopologyView } from './topology.ts';

/** Where each member's server listens, by the member's name. */
export type MemberAddresses = Readonly<Record<string, MemberAddress>>;

const nothingKnown: TopologyView = { primary: undefined, epoch: 0, members: [] };

export class EtcdTopology extends StaticTopology {
  readonly #client: EtcdClient;
  readonly #watch: PrefixWatch;
  readonly #keys = new Map<string, StoredKey>();
  readonly #addresses: MemberAddresses;
  readonly #log: RouterLog;
  /** Since when etcd has been away, in milliseconds of `performance.now`; undefined while it is there. */
  awaySinceMs: number | undefined;

  constructor(options: EtcdOptions, addresses: MemberAddresses, log: RouterLog) {
    super(nothingKnown);
    this.#addresses = addresses;
    this.#log = log;
    this.#client = new EtcdClient(options);
    this.#watch = new PrefixWatch(this.#client, storePrefix, {
      onSnapshot: (keys, revision) => {
        this.#keys.clear();
        for (const stored of keys) this.#keys.set(stored.key, stored);
        this.#take(revision);
      },
      onEvents: (events, revision) => {
        for (const event of events) {
          if (event.type === 'delete') this.#keys.delete(event.kv.key);
          else this.#keys.set(event.kv.key, event.kv);
        }
        this.#take(revision);
      },
      onConnection: (connected, reason) => {
        this.awaySinceMs = connected ? undefined : performance.now();
        if (!connected) log.warn(`etcd is away (${reason}); the members stay as they were last known`);
      },
    });
  }

  close(): void {
    this.#watch.close();
    this.#client.close();
  }

  #take(revision: number): void {
    try {
      const cluster = decodeCluster([...this.#keys.values()], revision);
      const view = topologyOf(cluster, this.#addresses);
      // A store that was wiped or restored knows less than this router does.
      if (view.epoch >= this.view.epoch) this.set(view);
      else this.#log.warn(`etcd says epoch ${view.epoch}, after ${this.view.epoch}; not believed`);
    } catch (error) {
      this.#log.warn(`${(error as Error).message}; the members stay as they were last known`);
    }
  }
}

/** What the agents' keys mean for a router: the holder of the leader key is the primary once it says that it writes. */
export function topologyOf(cluster: Cluster, addresses: MemberAddresses): TopologyView {
  const { leader, sync, members: reports } = cluster;
  const epoch = sync?.epoch ?? 0;
  const holder =
    leader !== null && sync !== null && leader.holder === sync.leader ? leader.holder : undefined;
  const members: Member[] = [];
  for (const [name, address] of Object.entries(addresses)) {
    const report = reports[name];
    const isPrimary = name === holder && report?.writable !== false;
    members.push({
      name,
      address,
      role: isPrimary ? 'primary' : 'replica',
      historyEpoch: isPrimary ? epoch : report?.markerEpoch,
      lagSeconds: undefined,
      appliedPosition: undefined,
      // A primary without a report has lost its agent, not its data; a replica without one is unknown.
      ok: isPrimary ? report?.up !== false : report?.up === true && report.sqlRunning,
    });
  }
  return { primary: members.find(({ role }) => role === 'primary'), epoch, members };
}
