/**
 * Asks the members for their positions, because what a read must see is a position: every `intervalMs` while reads need
 * them, seldom while reads need no more than a lag bound, at once when somebody needs to know, and else not at all.
 */

import { type Position, parsePosition } from '#src/gtid/position.ts';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { printPosition } from '#src/routing/freshness.ts';
import type { Member } from '#src/routing/member.ts';
import type { MemberPools } from '../servers/members.ts';
import { MonitorConnection, ownKey } from '../servers/monitor-connections.ts';
import type { MemberPool } from '../servers/pool.ts';
import { PrimaryHistory } from '../topology/primary-history.ts';
import type { Topology } from '../topology/topology.ts';

export interface SamplerOptions {
  readonly account: { readonly user: string; readonly password: string };
  readonly intervalMs: number;
  /** How old a sample may get while there are reads at all. */
  readonly idleIntervalMs: number;
  readonly timeoutMs: number;
}

interface Watched {
  readonly pool: MemberPool;
  readonly connection: MonitorConnection;
  asking: Promise<void> | undefined;
  /** The question that waits for the end of `asking`: all who come meanwhile share it. */
  next: Promise<void> | undefined;
  askedMs: number;
  applied: Position | undefined;
  logged: Position | undefined;
  /** How long MASTER_GTID_WAIT took lately. */
  applyDelayMs: number;
}

/** A replica's sample that is older than this says nothing about its lag. */
const staleMs = 2_000;
const firstApplyDelayMs = 2;
/** The first read after a rest waits so long for all members' answers, at most: one that hangs must not hold it up. */
const restedWaitMs = 50;
/** Falls below what a wait may take after some twenty samples, unless they show that much lag. */
const afterVainWaitMs = 400;

export class Sampler {
  readonly #pools: MemberPools;
  readonly #topology: Topology;
  readonly #options: SamplerOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #history = new PrimaryHistory();
  #timer: NodeJS.Timeout | undefined;
  #members: readonly Member[] = [];
  #membersMs = -1;
  /** A read since the last round began needed to know what a replica has. */
  #wanted = false;
  /** When the last round began; while one is under way, and before the next, `#round` and `#timer` say so. */
  #beganMs = Number.NEGATIVE_INFINITY;
  #round: Promise<void> | undefined;
  #closed = false;

  constructor(pools: MemberPools, topology: Topology, options: SamplerOptions) {
    this.#pools = pools;
    this.#topology = topology;
    this.#options = options;
    void this.#sample();
  }

  /** The members as `chooseBackend` takes them. */
  members(): readonly Member[] {
    const now = performance.now();
    if (now - this.#beganMs > this.#options.idleIntervalMs) this.#plan(0);
    // Lag and outstanding statements change all the time: a millisecond old is good enough.
    if (now - this.#membersMs < 1) return this.#members;
    this.#membersMs = now;
    const { members, epoch } = this.#topology.view;
    this.#members = members.map((member): Member => {
      const watched = this.#watched.get(member.name);
      const pool = watched?.pool;
      const historyEpoch = member.historyEpoch ?? 0;
      const lagMs = member.role === 'replica' ? this.#lag(watched, now, epoch, historyEpoch, true) : 0;
      return {
        name: member.name,
        role: member.role,
        epoch: member.historyEpoch ?? 0,
        applied: watched?.applied,
        logged: watched?.logged,
        askedMs: watched?.askedMs ?? Number.NEGATIVE_INFINITY,
        state:
          member.ok && (member.role === 'primary' || member.historyEpoch !== undefined) ? 'up' : 'unknown',
        lagMs,
        applyDelayMs: watched === undefined ? undefined : Math.max(watched.applyDelayMs, lagMs ?? 0),
        weight: 1,
        outstanding: pool?.outstanding ?? 0,
      };
    });
    return this.#members;
  }

  /** A read asks for more than a lag bound: the samples have to be recent for as long as such reads come. */
  want(): void {
    this.#wanted = true;
    if (this.#round === undefined && this.#timer === undefined) {
      this.#plan(Math.max(0, this.#beganMs + this.#options.intervalMs - performance.now()));
    }
  }

  /** Nobody has asked for so long that no replica's lag is known. */
  get rested(): boolean {
    return performance.now() - this.#beganMs > staleMs;
  }

  /**
   * Asks the primary, or joins a question that was not yet sent; resolves when it was answered, or could not be. After a
   * rest the replicas are asked as well.
   */
  async askPrimary(): Promise<void> {
    if (this.rested && this.#round === undefined) await withoutHanging(this.#sample());
    else await this.#askPrimaryAlone();
  }

  /** The primary's epoch and position, asked for from now on, as a text to compare; undefined when it can't be known. */
  async primaryPosition(): Promise<string | undefined> {
    const watched = await this.#askPrimaryAlone();
    const { logged } = watched ?? {};
    return logged === undefined ? undefined : `${this.#topology.view.epoch} ${printPosition(logged)}`;
  }

  async #askPrimaryAlone(): Promise<Watched | undefined> {
    const name = this.#topology.view.primary?.name;
    const watched = name === undefined ? undefined : this.#watch(name);
    if (name === undefined || watched === undefined) return undefined;
    await this.#askNow(name, watched);
    this.#membersMs = -1;
    return watched;
  }

  /** A replica was waited for until it had the position. */
  reached(name: string, position: string, tookMs: number): void {
    const watched = this.#watched.get(name);
    const parsed = parsePosition(position);
    if (watched === undefined || parsed === undefined) return;
    watched.applyDelayMs = watched.applyDelayMs * 0.9 + tookMs * 0.1;
    const applied = new Map((watched.applied ?? []).map((gtid) => [gtid.domain, gtid]));
    for (const gtid of parsed) {
      if ((applied.get(gtid.domain)?.sequence ?? -1) < gtid.sequence) applied.set(gtid.domain, gtid);
    }
    watched.applied = [...applied.values()];
    this.#membersMs = -1;
  }

  /** A replica was waited for in vain: nobody else waits for it for a while. */
  notReached(name: string): void {
    const watched = this.#watched.get(name);
    if (watched !== undefined) watched.applyDelayMs = afterVainWaitMs;
    this.#membersMs = -1;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { connection } of this.#watched.values()) connection.close();
  }

  #plan(ms: number): void {
    if (this.#closed || this.#timer !== undefined || this.#round !== undefined) return;
    this.#timer = setTimeout(() => void this.#sample(), ms);
    this.#timer.unref();
  }

  /** All members, or the round that is under way. */
  #sample(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#round ??= this.#askAll().finally(() => {
      this.#round = undefined;
      // Reads that came meanwhile, or that this round was for, are followed by more in most cases.
      if (this.#wanted) this.#plan(this.#options.intervalMs);
    });
    return this.#round;
  }

  async #askAll(): Promise<void> {
    const { members } = this.#topology.view;
    // Without a replica there is nothing to compare.
    const asked = members.some(({ role }) => role === 'replica') ? members : [];
    const names = new Set(asked.map(({ name }) => name));
    for (const [name, { connection }] of this.#watched) {
      if (names.has(name)) continue;
      connection.close();
      this.#watched.delete(name);
    }
    this.#wanted = false;
    this.#beganMs = performance.now();
    await Promise.all(
      [...names].map((name) => {
        const watched = this.#watch(name);
        return watched === undefined
          ? undefined
          : (watched.next ?? watched.asking ?? this.#ask(name, watched));
      }),
    );
    this.#membersMs = -1;
  }

  #watch(name: string): Watched | undefined {
    const primary = this.#topology.view.primary?.name === name;
    const pool = primary ? this.#pools.primaryPool() : this.#pools.replicaPool(name);
    if (pool === undefined) return undefined;
    const known = this.#watched.get(name);
    if (known?.pool === pool) return known;
    known?.connection.close();
    const key = ownKey(this.#options.account, capability.deprecateEof);
    const watched: Watched = {
      pool,
      connection: new MonitorConnection(pool, key),
      asking: undefined,
      next: undefined,
      askedMs: Number.NEGATIVE_INFINITY,
      applied: undefined,
      logged: undefined,
      applyDelayMs: firstApplyDelayMs,
    };
    this.#watched.set(name, watched);
    return watched;
  }

  /** A question that is sent from now on: what is under way doesn't tell about now. */
  #askNow(name: string, watched: Watched): Promise<void> {
    if (watched.next === undefined && watched.asking === undefined) return this.#ask(name, watched);
    watched.next ??= (watched.asking as Promise<void>).then(() => {
      watched.next = undefined;
      return this.#ask(name, watched);
    });
    return watched.next;
  }

  #ask(name: string, watched: Watched): Promise<void> {
    const asking = this.#question(name, watched).finally(() => {
      if (watched.asking === asking) watched.asking = undefined;
    });
    watched.asking = asking;
    return asking;
  }

  async #question(name: string, watched: Watched): Promise<void> {
    const askedMs = performance.now();
    const { epoch, primary } = this.#topology.view;
    try {
      const sql = 'SELECT @@GLOBAL.gtid_slave_pos, @@GLOBAL.gtid_binlog_pos';
      const [row] = await watched.connection.rows(sql, this.#options.timeoutMs);
      // An answer of another epoch than the one it is taken for would be a wrong position.
      if (row === undefined || this.#topology.view.epoch !== epoch) return;
      watched.askedMs = askedMs;
      watched.applied = parsePosition(row[0] ?? '');
      watched.logged = parsePosition(row[1] ?? '');
      const lagMs = this.#lag(watched, askedMs, epoch, epoch);
      // Not only when it is level: under steady writes it never is, and yet a wait for it can be short.
      if (lagMs !== undefined) watched.applyDelayMs = Math.max(1, lagMs, watched.applyDelayMs * 0.9);
      if (primary?.name === name && watched.logged !== undefined)
        this.#history.remember({ askedMs, epoch, logged: watched.logged });
    } catch {
      watched.applied = undefined;
      watched.logged = undefined;
    }
  }

  /** How long the replica has lacked something that the primary had, in milliseconds; undefined is unknown. */
  #lag(
    watched: Watched | undefined,
    now: number,
    epoch: number,
    historyEpoch: number,
    atMost = false,
  ): number | undefined {
    if (watched?.applied === undefined || now - watched.askedMs > staleMs) return undefined;
    const { applied, askedMs } = watched;
    const replica = {
      name: '',
      role: 'replica',
      epoch: historyEpoch,
      applied,
      logged: undefined,
      askedMs,
    } as const;
    return this.#history.lag(replica, now, epoch, atMost);
  }
}

async function withoutHanging(round: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, restedWaitMs);
  });
  await Promise.race([round, late]);
  clearTimeout(timer);
}
