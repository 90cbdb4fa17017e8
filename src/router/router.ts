/**
 * The SQL router: one address for applications, in front of a primary and its replicas. The whole of it, or one of the
 * workers of a host (`workers/`).
 */
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { mirroredCapabilities, offeredExtendedCapabilities } from '#src/mysql-wire/capabilities.ts';
import { Entrance } from './clients/entrance.ts';
import { Listeners } from './clients/listeners.ts';
import type { RouterAccount, RouterConfig } from './config.ts';
import { type Drained, type DrainTimes, drain } from './drain.ts';
import { unknownThread } from './errors.ts';
import { firstIdOf, idsPerWorker, ownerOfId } from './kill/connection-ids.ts';
import { type KillRequest, killSession } from './kill/kill.ts';
import { SharedKnowledge } from './knowledge/shared-knowledge.ts';
import { Observer } from './operation/observer.ts';
import { type LoginKey, type ServerTls, serverTlsOf } from './servers/login.ts';
import { MemberPools } from './servers/members.ts';
import type { MemberPool } from './servers/pool.ts';
import type { KillResult, RouterLog, SessionHost } from './session/host.ts';
import { RoutedSession } from './session/routed-session.ts';
import type { SessionRoutes } from './session/routes.ts';
import { Session, type SessionClient } from './session/session.ts';
import type { Topology } from './topology/topology.ts';

export interface RouterOptions {
  readonly config: RouterConfig;
  readonly topology: Topology;
  readonly log: RouterLog;
  /** Another way to choose than `src/routing`; for tests. */
  readonly newRoutes?: (client: SessionClient, schema: string | undefined) => SessionRoutes;
  /** Of this worker among those of its host; 0 when left out. */
  readonly slot?: number;
  /** KILL of a session that another worker or another host has; left out: nobody has it. */
  readonly killElsewhere?: (request: KillRequest) => Promise<KillResult>;
}

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
  readonly #slot: number;
  readonly #killElsewhere: NonNullable<RouterOptions['killElsewhere']>;
  /** Not 0: an id of a worker that was in this slot before should mean nobody, not somebody else. */
  #lastId = Math.floor(Math.random() * idsPerWorker);
  #listeners: Listeners | undefined;
  /** It takes no more clients. */
  draining = false;

  constructor({ config, topology, log, newRoutes, slot, killElsewhere }: RouterOptions) {
    this.config = config;
    this.topology = topology;
    this.log = log;
    this.#slot = slot ?? 0;
    this.#killElsewhere = killElsewhere ?? (async ({ id }) => unknownThread(id));
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
    this.newRoutes = newRoutes ?? ((client, schema) => new RoutedSession(this.shared, client, schema));
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
  async listen(): Promise<{ readonly port: number | undefined }> {
    this.#listeners = await Listeners.open(this.config.listen, (socket, local) => this.accept(socket, local));
    return { port: this.#listeners.port };
  }

  /** A connection that a client made; `local`: over a unix socket. */
  accept(socket: Socket, local: boolean): void {
    this.#entrance.accept(socket, local);
  }

  /** Called whenever a connection that was accepted has ended. */
  set onClientLeft(call: () => void) {
    this.#entrance.onLeft = call;
  }

  /** Takes no more clients, so that a successor can; sessions go on until they have no state, or for so long. */
  drain(times: DrainTimes): Promise<Drained> {
    this.#stopListening();
    return drain(this.sessions, () => this.#entrance.loggingIn, times);
  }

  /** The most that its workers' other ones leave this one: connections to each member. */
  setConnectionLimit(limit: number): void {
    this.members.setLimit(limit);
  }

  /** Stops listening and ends all sessions. */
  close(): void {
    clearInterval(this.#timer);
    this.#stopListening();
    for (const session of this.sessions.values()) session.close();
    this.#entrance.close();
    this.shared.close();
    this.members.close();
  }

  #stopListening(): void {
    this.draining = true;
    this.#listeners?.close();
    this.#listeners = undefined;
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
    const owner = ownerOfId(id);
    if (owner === undefined) return undefined;
    const request = { id, user: by.client.account.user, queryOnly };
    if (owner.router === this.config.number && owner.slot === this.#slot) return this.killOwn(request);
    return this.#killElsewhere(request);
  }

  /** KILL that somebody elsewhere asks for. */
  killOwn(request: KillRequest): Promise<KillResult> {
    return killSession(this, this.sessions.get(request.id), request);
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

  get publishes(): boolean {
    return this.shared.publishes;
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
    const base = firstIdOf({ router: this.config.number, slot: this.#slot });
    do this.#lastId = (this.#lastId + 1) % idsPerWorker;
    while (this.sessions.has(base + this.#lastId));
    return base + this.#lastId;
  }

  #tick(): void {
    this.nowMs = Date.now();
    const { idleDetachMs, idleCloseMs } = this.config;
    for (const pool of this.members.all()) pool.tidy(this.nowMs - idleDetachMs, this.nowMs - idleCloseMs);
  }
}
