/** The pools of the members that there are: made when a member is first needed, given up when its role changes. */

import type { Statistics } from '../operation/statistics.ts';
import type { Member, Topology, TopologyView } from '../topology/topology.ts';
import { changedRole, MemberPool, type PoolOptions } from './pool.ts';

/**
 * How long statements under way may go on at a member that is no longer what it was, in milliseconds: what was sent can't
 * be called back, and a server that lives soon says what became of it.
 */
const graceMs = { known: 2_000, unknown: 500 };

/** A replica that is said to be in no order is asked so often whether it lives: reads under way would wait for ever. */
const askMs = 2_000;

export class MemberPools {
  readonly #topology: Topology;
  #options: PoolOptions;
  readonly #statistics: Statistics;
  readonly #pools = new Map<string, MemberPool>();
  /** Of pools whose replica is not in order. */
  readonly #asking = new Map<MemberPool, NodeJS.Timeout>();
  readonly #waiting = new Set<() => void>();
  readonly #stop: () => void;

  constructor(topology: Topology, options: PoolOptions, statistics: Statistics) {
    this.#topology = topology;
    this.#statistics = statistics;
    this.#options = options;
    this.#stop = topology.onChange((view) => this.#onChange(view));
  }

  primaryPool(): MemberPool | undefined {
    const { primary, epoch } = this.#topology.view;
    return primary === undefined ? undefined : this.#poolOf(primary, epoch);
  }

  replicaPool(name: string): MemberPool | undefined {
    const { members, epoch } = this.#topology.view;
    const member = members.find((candidate) => candidate.name === name);
    return member === undefined || member.role !== 'replica' ? undefined : this.#poolOf(member, epoch);
  }

  all(): Iterable<MemberPool> {
    return this.#pools.values();
  }

  /** Settles at the next change of the members, or after `ms`. */
  changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  /** Connections that a pool may have, from now on. */
  setLimit(limit: number): void {
    this.#options = { ...this.#options, limit };
    for (const pool of this.#pools.values()) pool.setLimit(limit);
  }

  get limit(): number {
    return this.#options.limit;
  }

  /** Connections that are more than idle, to the member that has most of them. */
  get used(): number {
    let most = 0;
    for (const pool of this.#pools.values()) most = Math.max(most, pool.taken - pool.idle);
    return most;
  }

  close(): void {
    this.#stop();
    for (const timer of this.#asking.values()) clearTimeout(timer);
    this.#asking.clear();
    for (const pool of this.#pools.values()) pool.retire('the router ends', 0);
    for (const wake of [...this.#waiting]) wake();
  }

  #poolOf(member: Member, epoch: number): MemberPool {
    const key = poolKey(member, epoch);
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const pool = new MemberPool(member, epoch, this.#options, this.#statistics.of(member.name));
    this.#pools.set(key, pool);
    return pool;
  }

  #onChange({ members, primary, epoch }: TopologyView): void {
    const wanted = new Set(members.map((member) => poolKey(member, epoch)));
    if (primary !== undefined) wanted.add(poolKey(primary, epoch));
    for (const [key, pool] of this.#pools) {
      const now = members.find(({ name }) => name === pool.member.name);
      const doubtful = wanted.has(key) && now?.role === 'replica' && !now.ok;
      if (!doubtful) this.#askNoMore(pool);
      else if (!this.#asking.has(pool)) this.#askLater(key, pool);
      if (wanted.has(key)) continue;
      this.#pools.delete(key);
      pool.retire(changedRole, now?.ok === true ? graceMs.known : graceMs.unknown);
    }
    for (const wake of [...this.#waiting]) wake();
  }

  #askLater(key: string, pool: MemberPool): void {
    this.#asking.set(
      pool,
      setTimeout(() => void this.#ask(key, pool), askMs),
    );
  }

  #askNoMore(pool: MemberPool): void {
    clearTimeout(this.#asking.get(pool));
    this.#asking.delete(pool);
  }

  /** One that only doesn't replicate answers the reads that it has. */
  async #ask(key: string, pool: MemberPool): Promise<void> {
    const answers = await pool.answers();
    if (!this.#asking.has(pool)) return;
    if (answers) {
      this.#askLater(key, pool);
      return;
    }
    this.#asking.delete(pool);
    this.#pools.delete(key);
    pool.retire('its server does not answer', 0);
  }
}

/** A primary's connections belong to one epoch; a replica's outlive it. */
function poolKey({ name, address, role }: Member, epoch: number): string {
  return `${name} ${JSON.stringify(address)} ${role === 'primary' ? epoch : 'replica'}`;
}
