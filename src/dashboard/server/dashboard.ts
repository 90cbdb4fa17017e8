/** One dashboard: everything that it knows and does, without the HTTP around it. */
import { EtcdClient } from '#src/adapters/etcd/client.ts';
import type { TlsFiles } from '#src/adapters/etcd/transport.ts';
import type { Log } from '#src/adapters/log.ts';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';
import type { BlockEntries, Metrics, Range, Session, SqlView, StackState, Story } from '../api/schemas.ts';
import { Accounts } from './accounts.ts';
import { Acts } from './acts.ts';
import { Agents } from './agents.ts';
import { type AlertSource, KeptAlerts } from './alert-marks.ts';
import { Authentication } from './authentication.ts';
import { ClusterWatch } from './cluster.ts';
import { Collector } from './collector.ts';
import type { Caller } from './environment.ts';
import { type MetricsSource, Recorder } from './recorder.ts';
import { ReleaseWatch } from './releases.ts';
import { Shared } from './shared.ts';
import { readBlocklist, readSql, readStory } from './story.ts';
import { Streams } from './streams.ts';

/** As far back as the recorder has every second. */
const recentMs = 840_000;

export class Dashboard {
  readonly config: DashboardConfig;
  readonly authentication: Authentication;
  readonly shared: Shared;
  readonly streams: Streams;
  readonly acts: Acts;
  readonly #etcd: EtcdClient;
  readonly #agents: Agents;
  readonly #cluster: ClusterWatch;
  readonly #releases: ReleaseWatch;
  readonly #collector: Collector;
  readonly #recorder = new Recorder();
  readonly #history: MetricsSource | undefined;
  readonly #alerts: KeptAlerts | undefined;
  #epoch: number | null = null;

  /** `history`: where series older than this process' memory, and alerts, come from, when there is such a place. */
  constructor(config: DashboardConfig, tls: TlsFiles, log: Log, history?: MetricsSource & AlertSource) {
    this.config = config;
    this.#history = history;
    this.#alerts = history === undefined ? undefined : new KeptAlerts(history);
    this.#etcd = new EtcdClient({ endpoints: config.etcdEndpoints, tls });
    this.#agents = new Agents(config, tls);
    this.#cluster = new ClusterWatch(this.#etcd);
    this.#releases = new ReleaseWatch(this.#etcd);
    this.shared = new Shared(this.#etcd, log);
    this.authentication = new Authentication(new Accounts(config.accountsFile), this.shared, config);
    this.#collector = new Collector(config, this.#agents, this.#cluster);
    this.acts = new Acts(config, this.#agents, this.shared, log);
    this.streams = new Streams({
      state: () => this.#collector.state,
      watch: () => this.#collector.watch(),
      validUntilMs: (caller) => this.authentication.validUntilMs(caller),
    });
    this.#connect();
  }

  close(): void {
    for (const part of [
      this.streams,
      this.#collector,
      this.#cluster,
      this.#releases,
      this.shared,
      this.#agents,
      this.#etcd,
    ]) {
      part.close();
    }
  }

  sessionOf(caller: Caller): Session {
    const { name, role, via, sessionId, untilMs } = caller;
    const csrf = sessionId === undefined ? null : this.authentication.csrf(sessionId);
    return { name, role, via, stack: this.config.stack, lab: this.config.lab, csrf, untilMs };
  }

  async readState(): Promise<StackState> {
    await this.#collector.firstLook();
    return this.#collector.state;
  }

  readStory(): Promise<Story> {
    return readStory(this.#agents, this.#cluster.history, this.#collector.state);
  }

  readSql(): Promise<SqlView> {
    return readSql(this.#agents);
  }

  async readBlocklist(): Promise<{ entries: BlockEntries }> {
    // This host's own agent is the nearest.
    const others = this.config.hosts.map(({ name }) => name).filter((name) => name !== this.config.host);
    return { entries: await readBlocklist(this.#agents, [this.config.host, ...others]) };
  }

  async readMetrics(range: Range): Promise<Metrics> {
    // The last minutes by the second are here; what is older is Prometheus', where there is one.
    const isRecent = range.to - range.from <= recentMs;
    const [older, alerts = []] = await Promise.all([
      isRecent ? undefined : this.#history?.query(range).catch(() => undefined),
      this.#alerts?.read(range),
    ]);
    const found = older ?? (await this.#recorder.query(range));
    return { ...found, marks: [...this.#marks(range), ...alerts] };
  }

  #marks({ from, to }: Range): Metrics['marks'] {
    const failovers = this.#cluster.history.map(({ atMs, epoch, holder }) => ({
      atMs,
      kind: 'failover' as const,
      text: `${holder} leads epoch ${epoch}`,
    }));
    const acts = this.shared.acts
      .filter(({ outcome }) => outcome === 'done')
      .map(({ atMs, who, message }) => ({ atMs, kind: 'act' as const, text: `${who}: ${message}` }));
    return [...failovers, ...acts, ...this.#releases.marks].filter(({ atMs }) => atMs >= from && atMs <= to);
  }

  #connect(): void {
    this.#collector.onChange = () => {
      this.#noteEpoch();
      this.streams.update();
    };
    this.#collector.onRound = (state) => this.#recorder.record(state);
    this.acts.onDone = () => this.#collector.lookSoon();
    this.shared.onAct = ({ atMs, who, message, outcome }) => {
      this.streams.note({
        atMs,
        text: outcome === 'done' ? `${who}: ${message}` : `${who} was refused: ${message}`,
      });
    };
  }

  #noteEpoch(): void {
    const latest = this.#cluster.history.at(-1);
    if (latest === undefined || latest.epoch === this.#epoch) return;
    const isFirst = this.#epoch === null;
    this.#epoch = latest.epoch;
    if (isFirst) return;
    const { atMs, holder, epoch, sentence, rule } = latest;
    this.streams.note({ atMs, text: `${holder} leads epoch ${epoch}: ${sentence} (rule ${rule})` });
  }
}
