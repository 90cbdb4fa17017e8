/** The SQL router: one address for applications, in front of a primary and its replicas. */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { mirroredCapabilities, offeredExtendedCapabilities } from '#src/mysql-wire/capabilities.ts';
import { encodeErr } from '#src/mysql-wire/err-packet.ts';
import { packetOf } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { Channel } from './channel.ts';
import { type Doorkeeper, logInClient } from './client-login.ts';
import type { RouterAccount, RouterConfig } from './config.ts';
import type { Dialogue } from './dialogue.ts';
import { tooManyConnections } from './errors.ts';
import { killSession } from './kill.ts';
import { MemberPools } from './members.ts';
import { keyTextOf, type MemberPool } from './pool.ts';
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

export class Router implements SessionHost {
  readonly config: RouterConfig;
  readonly log: RouterLog;
  readonly accounts: ReadonlyMap<string, RouterAccount>;
  readonly newRoutes: NonNullable<RouterOptions['newRoutes']>;
  readonly members: MemberPools;
  readonly sessions = new Map<number, Session>();
  readonly serverTls: ServerTls | undefined;
  nowMs = Date.now();
  readonly #door: Doorkeeper;
  readonly #topology: Topology;
  readonly #shared: SharedKnowledge;
  readonly #servers: Server[] = [];
  readonly #channels = new Set<Channel>();
  readonly #timer: NodeJS.Timeout;
  #clients = 0;
  #heldBytes = 0;
  #lastId = 0;

  constructor({ config, topology, log, newRoutes }: RouterOptions) {
    this.config = config;
    this.#topology = topology;
    this.log = log;
    this.accounts = new Map(config.accounts.map((account) => [account.user, account]));
    this.serverTls = config.serverTls === undefined ? undefined : serverTlsOf(config.serverTls);
    const { tls } = config.listen;
    this.#door = {
      accounts: this.accounts,
      serverVersion: config.serverVersion,
      tls: tls === undefined ? undefined : createSecureContext({ ...tls, minVersion: 'TLSv1.2' }),
    };
    this.members = new MemberPools(topology, {
      limit: config.maxConnectionsPerMember,
      waitMs: config.poolTimeoutMs,
      connectTimeoutMs: config.connectTimeoutMs,
      tls: this.serverTls,
    });
    this.#shared = new SharedKnowledge(this.members, topology, config, log);
    this.newRoutes =
      newRoutes ??
      (({ account, collation }, schema) => new RoutedSession(this.#shared, account.user, collation, schema));
    this.#timer = setInterval(() => this.#tick(), 200);
  }

  /** Listens where the configuration says. Rejects when an address can't be had. */
  async listen(): Promise<{ readonly port: number | undefined }> {
    const { socketPath, host, port } = this.config.listen;
    let chosen: number | undefined;
    if (socketPath !== undefined) {
      // A socket file that a killed router left behind; nobody can listen on it any more.
      rmSync(socketPath, { force: true });
      await this.#listenOn({ path: socketPath });
      // Any local user may try: the account's password decides.
      chmodSync(socketPath, 0o777);
    }
    if (port !== undefined) {
      const address = (await this.#listenOn({ host: host ?? '127.0.0.1', port })).address();
      if (address !== null && typeof address === 'object') chosen = address.port;
    }
    return { port: chosen };
  }

  /** Stops listening and ends all sessions. */
  close(): void {
    clearInterval(this.#timer);
    for (const server of this.#servers) server.close();
    for (const session of this.sessions.values()) session.close();
    for (const channel of this.#channels) channel.destroy();
    this.#shared.close();
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
    if (bytes > 0 && this.#heldBytes + bytes > this.config.bufferBytes) return false;
    this.#heldBytes += bytes;
    return true;
  }

  get heldBytes(): number {
    return this.#heldBytes;
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
    return this.#shared.sampler?.askPrimary() ?? Promise.resolve();
  }

  reached(member: string, position: string, tookMs: number): void {
    this.#shared.sampler?.reached(member, position, tookMs);
  }

  notReached(member: string): void {
    this.#shared.sampler?.notReached(member);
  }

  historyEpochOf(member: string): number {
    return this.#topology.view.members.find(({ name }) => name === member)?.historyEpoch ?? 0;
  }

  ended(session: Session): void {
    this.sessions.delete(session.client.id);
  }

  async #listenOn(where: { path: string } | { host: string; port: number }): Promise<Server> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket, 'path' in where));
    this.#servers.push(server);
    server.listen({ ...where, backlog: 1024 });
    await once(server, 'listening');
    return server;
  }

  #accept(socket: Socket, local: boolean): void {
    const channel = Channel.accepted(socket);
    if (this.#clients >= this.config.maxClientConnections) {
      // Before the client has named its capabilities an error has no SQLSTATE.
      channel.end(packetOf(encodeErr(tooManyConnections, false), 0));
      return;
    }
    this.#clients++;
    this.#channels.add(channel);
    channel.onClosed = () => {
      this.#clients--;
      this.#channels.delete(channel);
    };
    const host = local ? 'localhost' : (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    void this.#logIn(channel, host);
  }

  async #logIn(channel: Channel, host: string): Promise<void> {
    const id = this.#nextId();
    let dialogue: Dialogue | undefined;
    try {
      const login = await logInClient(channel, id, host, this.#door, (current) => {
        dialogue = current;
      });
      const { response, account, scramble } = login;
      const client: SessionClient = {
        id,
        channel,
        account,
        host,
        scramble,
        capabilities: response.capabilities,
        extendedCapabilities: response.extendedCapabilities,
        collation: response.collation,
      };
      await this.#checkSchema(client, response.database);
      const sequenceId = login.dialogue.sequenceId;
      const rest = login.dialogue.finish();
      channel.reuseBuffer();
      const session = new Session(this, client, response.database);
      this.sessions.set(id, session);
      session.replyOkAt(sequenceId);
      if (rest.length > 0) session.stream.take(rest);
    } catch (error) {
      const sequenceId = dialogue?.sequenceId ?? 1;
      dialogue?.finish();
      if (error instanceof ProtocolError) channel.end(packetOf(encodeErr(error), sequenceId));
      else channel.destroy();
    }
  }

  /** Whether the account may use the schema is the server's to say, once; without a primary the answer comes later. */
  async #checkSchema(client: SessionClient, schema: string | undefined): Promise<void> {
    const pool = this.primaryPool();
    if (schema === undefined || pool === undefined) return;
    const key = this.loginKey(client);
    const keyText = keyTextOf(key, schema);
    if (pool.knows(keyText)) return;
    try {
      pool.release(await pool.acquire({ key, schema, keyText }, client), false);
    } catch (error) {
      if (error instanceof ProtocolError && schemaErrors.has(error.errno)) throw error;
    }
  }

  #nextId(): number {
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

/** Errors that the client of a login is to see: no such schema, no right to it, no such account there. */
const schemaErrors: ReadonlySet<number> = new Set([1044, 1045, 1049, 1698]);
