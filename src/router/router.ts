/** The SQL router: one address for applications, in front of a primary and its replicas. */
import { createSecureContext } from 'node:tls';
import { mirroredCapabilities, offeredExtendedCapabilities } from '#src/mysql-wire/capabilities.ts';
import type { RouterAccount, RouterConfig } from './config.ts';
import { type Drained, drain } from './drain.ts';
import { Entrance } from './entrance.ts';
import { killSession } from './kill.ts';
import { MemberPools } from './members.ts';
import { Observer } from './observer.ts';
import type { MemberPool } from './pool.ts';
import type { SessionRoutes } from './routes.ts';
import { type LoginKey, type ServerTls, serverTlsOf } from './server-login.ts';
import { Session, type SessionClient } from './session.ts';
import type { KillResult, RouterLog, SessionHost } from './session-host.ts';
import { RoutedSession } from './session-routes.ts';
import { SharedKnowledge } from './shared-knowledge.ts';
import type { Topology } from './topology.ts';

export interface RouterOptions {
  readonly config: RouterConfig;
  readonly topology: Topology;
  readonly log: RouterLog;
  /** Another way to choose than `src/routing`; for tests. */
  readonly newRoutes?: (client: SessionClient, schema: string | undefined) => SessionRoutes;
}

/** Router ids lie above what a server counts up to. */
const idBase = 0x4000_0000;
const idsPerRouter = 0x20_0000;
/** Of all sessions: sixty thousand short statements, or sixty of a mebibyte. */
const preparedBytes = 64 * 1024 * 1024;

export class Router implements SessionHost {
  readonly config: RouterConfig;
  readonly log: RouterLog;
  readonly accounts: ReadonlyMap<string, RouterAccount>;
  readonly newRoutes: NonNullable<RouterOptions['newRoutes']>;
  readonly members: MemberPools;
  readonly sessions = new Map<number, Session>();
  readonly preparedBudget = { usedBytes: 0, limitBytes: preparedBytes };
  readonly serverTls: ServerTls | undefined;
  nowMs = Date.now();
  readonly observer: Observer;
  readonly topology: Topology;
  readonly shared: SharedKnowledge;
  readonly startedMs = Date.now();
  readonly #entrance: Entrance;
  readonly #timer: NodeJS.Timeout;
  #lastId = 0;

  constructor({ config, topology, log, newRoutes }: RouterOptions) {
    this.config = config;
    this.topology = topology;
    this.log = log;
    this.observer = new Observer(log, config.slowStatementMs);
    this.accounts = new Map(config.accounts.map((account) => [account.user, account]));
    this.serverTls = config.serverTls === undefined ? undefined : serverTlsOf(config.serverTls);
    const pools = {
      limit: config.maxConnectionsPerMember,
      waitMs: config.poolTimeoutMs,
      connectTimeoutMs: config.connectTimeoutMs,
      tls: this.serverTls,
    };
    this.members = new MemberPools(topology, pools, this.observer.statistics);
    this.shared = new SharedKnowledge(this.members, topology, config, log);
    this.newRoutes =
      newRoutes ??
      (({ account, collation }, schema) => new RoutedSession(this.shared, account.user, collation, schema));
    const { tls, requireTls = false } = config.listen;
    this.#entrance = new Entrance(this, {
      accounts: this.accounts,
      serverVersion: config.serverVersion,
      tls: tls === undefined ? undefined : createSecureContext({ ...tls, minVersion: 'TLSv1.2' }),
      requireTls,
    });
    this.#timer = setInterval(() => this.#tick(), 200);
  }

  /** Listens where the configuration says. Rejects when an address can't be had. */
  listen(): Promise<{ readonly port: number | undefined }> {
    return this.#entrance.open();
  }

  /** Stops listening, so that a successor can; sessions go on until they have no state, or for `timeoutMs`. */
  drain(timeoutMs: number): Promise<Drained> {
    this.#entrance.stopListening();
    return drain(this.sessions, timeoutMs);
  }

  /** It no longer listens. */
  get draining(): boolean {
    return this.#entrance.closed;
  }

  /** Stops listening and ends all sessions. */
  close(): void {
    clearInterval(this.#timer);
    this.#entrance.stopListening();
    for (const session of this.sessions.values()) session.close();
    this.#entrance.close();
    this.shared.close();
    this.members.close();
  }

  primaryPool(): MemberPool | undefined {
    return this.members.primaryPool();
  }

  replicaPool(member: string): MemberPool | undefined {
    return this.members.replicaPool(member);
  }

  changed(ms: number): Promise<void> {
    return this.members.changed(ms);
  }

  hold(bytes: number): boolean {
    const { statistics } = this.observer;
    if (statistics.waitingBytes + bytes > this.config.bufferBytes) return false;
    statistics.waiting++;
    statistics.waitingBytes += bytes;
    return true;
  }

  letGo(bytes: number): void {
    const { statistics } = this.observer;
    statistics.waiting--;
    statistics.waitingBytes -= bytes;
  }

  holds(begins: boolean): void {
    const { statistics } = this.observer;
    statistics.held += begins ? 1 : -1;
    if (begins) statistics.heldTotal++;
  }

  get heldBytes(): number {
    return this.observer.statistics.waitingBytes;
  }

  /** Connections to clients, logged in or not. */
  get clients(): number {
    return this.#entrance.clients;
  }

  loginKey({ account, collation, capabilities, extendedCapabilities }: SessionClient): LoginKey {
    return {
      user: account.user,
      password: account.password,
      collation,
      capabilities: capabilities & mirroredCapabilities,
      extendedCapabilities: extendedCapabilities & offeredExtendedCapabilities,
    };
  }

  kill(by: Session, id: number, queryOnly: boolean): Promise<KillResult> | undefined {
    if (id < idBase) return undefined;
    return killSession(this, by, this.sessions.get(id), id, queryOnly);
  }

  askPrimary(): Promise<void> {
    return this.shared.sampler?.askPrimary() ?? Promise.resolve();
  }

  reached(member: string, position: string, tookMs: number): void {
    this.shared.sampler?.reached(member, position, tookMs);
  }

  notReached(member: string): void {
    this.shared.sampler?.notReached(member);
  }

  historyEpochOf(member: string): number {
    return this.topology.view.members.find(({ name }) => name === member)?.historyEpoch ?? 0;
  }

  ended(session: Session): void {
    this.sessions.delete(session.client.id);
  }

  begin(client: SessionClient, schema: string | undefined): Session {
    const session = new Session(this, client, schema);
    this.sessions.set(client.id, session);
    return session;
  }

  nextId(): number {
    const base = idBase + this.config.number * idsPerRouter;
    do this.#lastId = (this.#lastId + 1) % idsPerRouter;
    while (this.sessions.has(base + this.#lastId));
    return base + this.#lastId;
  }

  #tick(): void {
    this.nowMs = Date.now();
    const { idleDetachMs, idleCloseMs } = this.config;
    for (const pool of this.members.all()) pool.tidy(this.nowMs - idleDetachMs, this.nowMs - idleCloseMs);
  }
}
