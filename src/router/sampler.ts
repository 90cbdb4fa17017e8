/**
 * Asks the members for their positions, because what a read must see is a position: every `intervalMs` while statements
 * run, seldom when nothing happens, and at once when somebody needs to know.
 */

import { type Position, parsePosition } from '#src/gtid/position.ts';
import { capability } from '#src/mysql-wire/capabilities.ts';
import type { Member } from '#src/routing/member.ts';
import type { MemberPools } from './members.ts';
import { MonitorConnection, ownKey } from './monitor-connections.ts';
import type { MemberPool } from './pool.ts';
import { PrimaryHistory } from './primary-history.ts';
import type { Topology } from './topology.ts';

export interface SamplerOptions {
  readonly account: { readonly user: string; readonly password: string };
  readonly intervalMs: number;
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
  #activity = false;
  #closed = false;

  constructor(pools: MemberPools, topology: Topology, options: SamplerOptions) {
    this.#pools = pools;
    this.#topology = topology;
    this.#options = options;
    this.#plan(0);
  }

  /** The members as `chooseBackend` takes them. */
  members(): readonly Member[] {
    this.#activity = true;
    const now = performance.now();
    // Lag and outstanding statements change all the time: a millisecond old is good enough.
    if (now - this.#membersMs < 1) return this.#members;
    this.#membersMs = now;
    const { members, epoch } = this.#topology.view;
    this.#members = members.map((member): Member => {
      const watched = this.#watched.get(member.name);
      const pool = watched?.pool;
      const historyEpoch = member.historyEpoch ?? 0;
      const lagMs = member.role === 'replica' ? this.#lag(watched, now, epoch, historyEpoch) : 0;
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

  /** Asks the primary, or joins a question that was not yet sent; resolves when it was answered, or could not be. */
  async askPrimary(): Promise<void> {
    const name = this.#topology.view.primary?.name;
    if (name === undefined) return;
    const watched = this.#watch(name);
    if (watched === undefined) return;
    await this.#askNow(name, watched);
    this.#membersMs = -1;
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
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#round(), ms);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const { members } = this.#topology.view;
    // Without a replica there is nothing to compare.
    const asked = members.some(({ role }) => role === 'replica') ? members : [];
    const names = new Set(asked.map(({ name }) => name));
    for (const [name, { connection }] of this.#watched) {
      if (names.has(name)) continue;
      connection.close();
      this.#watched.delete(name);
    }
    const active = this.#activity;
    this.#activity = false;
    await Promise.all(
      [...names].map((name) => {
        const watched = this.#watch(name);
        return watched === undefined
          ? undefined
          : (watched.next ?? watched.asking ?? this.#ask(name, watched));
      }),
    );
    this.#membersMs = -1;
    this.#plan(active ? this.#options.intervalMs : this.#options.idleIntervalMs);
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
  #lag(watched: Watched | undefined, now: number, epoch: number, historyEpoch: number): number | undefined {
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
    return this.#history.lag(replica, now, epoch);
  }
}
