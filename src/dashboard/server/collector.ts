/**
 * Looks at every host's agent again and again: each second while somebody watches, now and then otherwise, and at once
 * when etcd shows that something changed. Keeps the latest look and the rates between the last two.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';
import type { HostFigures, HostOverview } from '#src/topology/figures.ts';
import type { StackState } from '../api/schemas.ts';
import type { Agents } from './agents.ts';
import type { ClusterWatch } from './cluster.ts';
import { ratesBetween } from './rates.ts';
import { type Seen, stackState } from './state.ts';

const watchedMs = 1_000;
const idleMs = 10_000;
const answerMs = 1_500;
/** Changes that etcd shows in one go are one change; the agents need a moment to say what they made of it. */
const settleMs = 60;

export class Collector {
  readonly #config: DashboardConfig;
  readonly #agents: Agents;
  readonly #cluster: ClusterWatch;
  readonly #seen = new Map<string, Seen>();
  /** What the next rates are counted from. */
  readonly #bases = new Map<string, HostFigures>();
  readonly #pending: Set<string>;
  readonly #running = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #watchers = 0;
  #stopped = false;
  /** Something is known anew. */
  onChange: () => void = () => undefined;
  /** A round of all hosts is over. */
  onRound: (state: StackState) => void = () => undefined;

  constructor(config: DashboardConfig, agents: Agents, cluster: ClusterWatch) {
    this.#config = config;
    this.#agents = agents;
    this.#cluster = cluster;
    this.#pending = new Set(config.hosts.map(({ name }) => name));
    cluster.onChange = () => this.#clusterChanged();
    void this.#loop();
  }

  get state(): StackState {
    return stackState({
      config: this.#config,
      nowMs: Date.now(),
      cluster: this.#cluster.cluster,
      history: this.#cluster.history,
      maintenance: this.#cluster.maintenance,
      quorum: this.#cluster.connected,
      seen: this.#seen,
      pending: this.#pending,
    });
  }

  /** Somebody looks: until the returned function is called. */
  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) void this.#loop();
    let isOver = false;
    return () => {
      if (!isOver) this.#watchers -= 1;
      isOver = true;
    };
  }

  /** Looks at all hosts now, as after an act. */
  lookSoon(): void {
    if (this.#stopped || this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      void Promise.all(this.#config.hosts.map(({ name }) => this.#look(name))).then(() => this.onChange());
    }, settleMs);
  }

  /** Fulfils when every host was asked once. */
  async firstLook(): Promise<void> {
    for (let waited = 0; this.#pending.size > 0 && waited < answerMs * 2; waited += 20) {
      await sleep(20);
    }
  }

  close(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
  }

  #clusterChanged(): void {
    // What etcd says is shown at once; what the agents say of it follows.
    this.onChange();
    if (this.#watchers > 0) this.lookSoon();
  }

  async #loop(): Promise<void> {
    clearTimeout(this.#timer);
    const startedMs = performance.now();
    await Promise.all(this.#config.hosts.map(({ name }) => this.#look(name)));
    if (this.#stopped) return;
    this.onRound(this.state);
    this.onChange();
    const pauseMs = (this.#watchers > 0 ? watchedMs : idleMs) - (performance.now() - startedMs);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#loop(), Math.max(200, pauseMs));
  }

  async #look(host: string): Promise<void> {
    // One that is slow to answer is not asked a second time meanwhile.
    if (this.#running.has(host)) return;
    this.#running.add(host);
    try {
      const { status, body } = await this.#agents.ask(host, { path: '/v1/overview', timeoutMs: answerMs });
      if (status !== 200) throw new Error(`it answered ${status}`);
      const overview = body as HostOverview;
      const { figures } = overview;
      const base = this.#bases.get(host);
      // Two looks right after one another say little about a second: then the earlier rates stand.
      const isOver = base === undefined || figures.atMs - base.atMs >= watchedMs / 2;
      const rates = isOver
        ? ratesBetween(base, figures)
        : (this.#seen.get(host)?.rates ?? ratesBetween(base, figures));
      if (isOver) this.#bases.set(host, figures);
      this.#seen.set(host, { overview, rates });
    } catch {
      this.#seen.delete(host);
      this.#bases.delete(host);
    } finally {
      this.#running.delete(host);
      this.#pending.delete(host);
    }
  }
}
