/** What the sessions of one router know together: definitions, members' positions, and what was written through it. */
import type { Catalogue } from '#src/routing/catalogue.ts';
import {
  afterWrite,
  type Freshness,
  joinFreshness,
  nothingSeen,
  type Pending,
  type Stamp,
  withPending,
} from '#src/routing/freshness.ts';
import type { ChoiceLimits, Member } from '#src/routing/member.ts';
import type { ConsistencyLevel } from '#src/routing/statement.ts';
import type { RouterConfig } from '../config.ts';
import type { MemberPools } from '../servers/members.ts';
import type { RouterLog } from '../session/host.ts';
import { type RoutesContext, serverVersionNumber } from '../session/routed-session.ts';
import type { Topology } from '../topology/topology.ts';
import { CatalogueLoader } from './catalogue-loader.ts';
import { Sampler } from './sampler.ts';
import type { SharedPositions } from './shared-positions.ts';

export class SharedKnowledge implements RoutesContext {
  readonly level: ConsistencyLevel;
  readonly limits: ChoiceLimits;
  readonly serverVersion: number;
  /** Undefined without an account to ask by. */
  readonly sampler: Sampler | undefined;
  readonly #loader: CatalogueLoader;
  readonly #writes = new Map<string, Freshness>();
  /** Where this worker's host has several. */
  #positions: SharedPositions | undefined;

  constructor(pools: MemberPools, topology: Topology, config: RouterConfig, log: RouterLog) {
    const { consistency, maxLagMs, replicaWaitMs, accounts } = config;
    this.level = consistency;
    // A wait on a replica is worth as much as it may take: the primary has its writes to do.
    this.limits = { maxLagMs, maxWaitMs: replicaWaitMs, primaryDelayMs: replicaWaitMs };
    this.serverVersion = serverVersionNumber(config.serverVersion);
    this.#loader = new CatalogueLoader(pools, accounts, log, {
      wanted: () => topology.view.members.some(({ role }) => role === 'replica'),
      position: async () => this.sampler?.primaryPosition(),
    });
    const [account] = accounts;
    if (account === undefined) return;
    this.sampler = new Sampler(pools, topology, {
      account,
      intervalMs: config.sampleIntervalMs,
      idleIntervalMs: config.sampleIdleMs,
      timeoutMs: config.connectTimeoutMs,
    });
  }

  catalogue(): Catalogue | null {
    return this.#loader.catalogue;
  }

  definitionsChanged(): void {
    this.#loader.invalidate();
  }

  members(): readonly Member[] {
    return this.sampler?.members() ?? [];
  }

  want(): void {
    this.sampler?.want();
  }

  /** For who looks at the members without reading: after a rest they are asked, briefly. */
  async freshen(): Promise<void> {
    if (this.rested) await this.sampler?.askPrimary();
  }

  get rested(): boolean {
    return this.sampler?.rested === true;
  }

  writesOf(user: string, ofHost: boolean): Freshness {
    const own = this.#writes.get(user) ?? nothingSeen;
    if (ofHost) return this.#positions?.of(user) ?? own;
    // `global` asks the primary since the read began, and so knows of what was never told.
    return own.pending.length === 0 ? own : { atLeast: own.atLeast, pending: [] };
  }

  wrote(user: string, stamp: Stamp): void {
    this.#remember(user, afterWrite(this.#writes.get(user) ?? nothingSeen, '', stamp));
  }

  wroteUntold(user: string, pending: Pending): void {
    this.#remember(user, withPending(this.#writes.get(user) ?? nothingSeen, pending));
  }

  /** Whether others must know of a write before its client does. */
  get publishes(): boolean {
    return this.#positions !== undefined;
  }

  /** From now on this host's other workers know what this one writes, and this one what they write. */
  share(positions: SharedPositions): void {
    for (const [user, writes] of positions.inherited()) {
      this.#writes.set(user, joinFreshness(this.#writes.get(user) ?? nothingSeen, writes));
    }
    positions.publish(this.#writes);
    this.#positions = positions;
  }

  #remember(user: string, writes: Freshness): void {
    this.#writes.set(user, writes);
    this.#positions?.publish(this.#writes);
  }

  close(): void {
    this.#loader.close();
    this.sampler?.close();
    this.#positions?.close();
  }
}
