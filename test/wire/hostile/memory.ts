/**
 * A router's session without sockets: the production code from the channel on, with bytes handed over by the test. What
 * goes in is cut exactly where the test says, and nothing depends on the kernel or on time.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { capability, mirroredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { Channel } from '#src/router/channel.ts';
import { type RouterConfig, routerDefaults } from '#src/router/config.ts';
import { Observer } from '#src/router/operation/observer.ts';
import { ServerConnection } from '#src/router/servers/connection.ts';
import { PacketLimit } from '#src/router/servers/packet-limit.ts';
import type { MemberPool, Wanted } from '#src/router/servers/pool.ts';
import type { SessionHost } from '#src/router/session/host.ts';
import { RoutedSession, type RoutesContext } from '#src/router/session/routed-session.ts';
import type { SessionRoutes } from '#src/router/session/routes.ts';
import { Session, type SessionClient } from '#src/router/session/session.ts';
import { nothingSeen } from '#src/routing/freshness.ts';
import { account } from '../../real/router/stack.ts';

/** As much of a socket as `Channel` uses. */
export class MemorySocket extends EventEmitter {
  destroyed = false;
  /** `end` was called: the peer sees the end. */
  ended = false;
  writableLength = 0;
  writableNeedDrain = false;
  /** The peer's side: what is written here. */
  onWrite: (chunk: Buffer) => void = () => undefined;
  #paused = false;
  readonly #queue: Buffer[] = [];

  /** Bytes from the peer. They are void after the call, as in a buffer that is read into again. */
  deliver(chunk: Buffer): void {
    if (this.destroyed) return;
    if (this.#paused) {
      this.#queue.push(Buffer.from(chunk));
      return;
    }
    const own = Buffer.from(chunk);
    this.emit('data', own);
    own.fill(0xdd);
  }

  /** The peer is gone. */
  hangUp(): void {
    this.destroy();
  }

  write(chunk: Buffer): boolean {
    if (!this.destroyed && !this.ended) this.onWrite(Buffer.from(chunk));
    return true;
  }

  end(last?: Buffer): void {
    if (last !== undefined) this.write(last);
    this.ended = true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && !this.destroyed) {
      const chunk = this.#queue.shift();
      if (chunk === undefined) return;
      this.deliver(chunk);
    }
  }

  cork(): void {}
  uncork(): void {}

  get asSocket(): Socket {
    return this as unknown as Socket;
  }
}

/** One server connection as the test's server sees it. */
export interface MemoryServer {
  readonly socket: MemorySocket;
  readonly connection: ServerConnection;
}

export interface ClientTraits {
  readonly deprecateEof: boolean;
  readonly sessionTrack: boolean;
}

const routesContext: RoutesContext = {
  catalogue: () => null,
  definitionsChanged: () => undefined,
  members: () => [],
  want: () => undefined,
  rested: false,
  writesOf: () => nothingSeen,
  wrote: () => undefined,
  wroteUntold: () => undefined,
  publishes: false,
  level: 'global',
  limits: { maxLagMs: 1_000, maxWaitMs: 50, primaryDelayMs: 50 },
  serverVersion: 101_119,
};

/** What a session needs of a router: one primary, whose connections are the test's own. */
export class MemoryHost implements SessionHost {
  readonly config: RouterConfig;
  readonly log = { info: () => undefined, warn: () => undefined };
  readonly observer = new Observer(this.log, 0);
  readonly accounts = new Map([[account.user, account]]);
  readonly preparedBudget = { usedBytes: 0, limitBytes: 64 * 1024 * 1024 };
  readonly sessions = new Set<Session>();
  readonly connections = new Set<ServerConnection>();
  readonly nowMs = 0;
  readonly publishes = false;
  /** A new connection: the test puts its server behind it. */
  onConnect: (server: MemoryServer) => void = () => undefined;
  /** Why connections were lost, but for those given back. */
  onLost: (reason: string) => void = () => undefined;
  held = 0;
  readonly #pool: MemberPool;

  constructor() {
    this.config = {
      ...routerDefaults,
      number: 1,
      listen: {},
      accounts: [account],
      serverTls: undefined,
    };
    const pool = {
      member: { name: 'db-1' },
      epoch: 1,
      statistics: this.observer.statistics.of('db-1'),
      crowded: false,
      packetLimit: new PacketLimit(),
      connectApart: () => Promise.reject(new Error('there is nothing beside the pool')),
      acquire: async (wanted: Wanted) => this.#connect(wanted),
      release: (connection: ServerConnection) => {
        connection.owner = undefined;
        this.connections.delete(connection);
        connection.lose('given back');
      },
    };
    this.#pool = pool as unknown as MemberPool;
  }

  /** A session of a client that has just logged in, and the client's end of its socket. */
  begin({ deprecateEof, sessionTrack }: ClientTraits): { session: Session; socket: MemorySocket } {
    const socket = new MemorySocket();
    const all = capability.deprecateEof | capability.sessionTrack | capability.multiStatements;
    const without =
      (deprecateEof ? 0 : capability.deprecateEof) | (sessionTrack ? 0 : capability.sessionTrack);
    const client: SessionClient = {
      id: 0x4000_0000,
      channel: Channel.accepted(socket.asSocket),
      account,
      host: 'localhost',
      capabilities: all & ~without,
      extendedCapabilities: 0,
      collation: 45,
      scramble: Buffer.alloc(20, 'a'),
    };
    const session = new Session(this, client, undefined);
    this.sessions.add(session);
    return { session, socket };
  }

  #connect({ key, schema }: Wanted): ServerConnection {
    const socket = new MemorySocket();
    const login = {
      channel: Channel.accepted(socket.asSocket),
      greeting: { connectionId: 7 },
      capabilities: key.capabilities,
    };
    const connection = new ServerConnection(
      login as ConstructorParameters<typeof ServerConnection>[0],
      schema,
    );
    this.connections.add(connection);
    connection.onLost = () => this.connections.delete(connection);
    this.onConnect({ socket, connection });
    return connection;
  }

  newRoutes(client: SessionClient, schema: string | undefined): SessionRoutes {
    return new RoutedSession(routesContext, client, schema);
  }

  loginKey({ account: { user, password }, collation, capabilities }: SessionClient) {
    return {
      user,
      password,
      collation,
      capabilities: capabilities & mirroredCapabilities,
      extendedCapabilities: 0,
    };
  }

  primaryPool(): MemberPool {
    return this.#pool;
  }

  replicaPool(): undefined {}

  /** There is no other primary to wait for. */
  changed(): Promise<void> {
    return Promise.reject(new Error('nothing changes'));
  }

  holds(): void {}

  hold(): boolean {
    this.held++;
    return true;
  }

  letGo(): void {
    this.held--;
  }

  kill(): undefined {}

  askPrimary(): Promise<void> {
    return Promise.resolve();
  }

  reached(): void {}
  notReached(): void {}

  historyEpochOf(): number {
    return 1;
  }

  ended(session: Session): void {
    this.sessions.delete(session);
  }
}

/** Lets what waits for promises go on; nothing else is waited for here. */
export async function settle(busy: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < 60 && busy(); turn++) await undefined;
  return !busy();
}
