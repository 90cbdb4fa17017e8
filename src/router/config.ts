import type { ConsistencyLevel } from '#src/routing/statement.ts';

/** What a router is told when it starts. Secrets are in here: the file is 0600 and this is never logged. */
export interface RouterAccount {
  readonly user: string;
  /** On the servers; a client proves it too, unless there are `clientPasswords`. */
  readonly password: string;
  /** Any of these lets a client in. */
  readonly clientPasswords?: readonly string[];
  /** Plugin by which clients prove theirs; mysql_native_password when left out, which every client has. */
  readonly plugin?: 'mysql_native_password' | 'caching_sha2_password' | 'client_ed25519';
}

/** Where another host's router takes KILL. */
export interface Peer {
  readonly number: number;
  /** The host's: also the common name of its certificate. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface PeersConfig {
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM texts; every peer has a certificate of this authority. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** The other hosts'. */
  readonly routers: readonly Peer[];
}

export interface RouterConfig {
  /** What reads must see, unless a session or a hint says otherwise. */
  readonly consistency: ConsistencyLevel;
  /** A replica further behind than this gets no reads. */
  readonly maxLagMs: number;
  /** How old positions may get while reads need them, and while a lag bound is all that reads need; without reads, any. */
  readonly sampleIntervalMs: number;
  readonly sampleIdleMs: number;
  /** 1 to 127, unique per stack: in the upper bits of the connection ids it gives. */
  readonly number: number;
  /** Processes that serve clients; left out: by the cores of the machine (`workers/count.ts`). */
  readonly workers?: number;
  /** The routers of the stack, for KILL of a session of another host; left out: none. */
  readonly peers?: PeersConfig;
  readonly listen: {
    readonly socketPath?: string;
    readonly host?: string;
    readonly port?: number;
    /** For clients that come over TCP: PEM texts. */
    readonly tls?: { readonly cert: string; readonly key: string };
    /** Clients that come over TCP without TLS are refused, as `require_secure_transport` does. */
    readonly requireTls?: boolean;
  };
  /** Where metrics, status and `explain` are served (HTTP); left out: nowhere. */
  readonly control?: { readonly socketPath: string };
  readonly accounts: readonly RouterAccount[];
  /** TLS towards the servers: PEM texts. Undefined only where a benchmark compares plain connections. */
  readonly serverTls: { readonly ca: string; readonly cert?: string; readonly key?: string } | undefined;
  /** What the greeting says; clients choose their behaviour by it. */
  readonly serverVersion: string;
  /** Of all workers together, as the next one. */
  readonly maxClientConnections: number;
  readonly maxConnectionsPerMember: number;
  /** How long a statement waits for a free server connection. */
  readonly poolTimeoutMs: number;
  /** How long statements are held while there is no primary, and how many bytes of them altogether. */
  readonly bufferTimeoutMs: number;
  readonly bufferBytes: number;
  readonly connectTimeoutMs: number;
  /** How long a read waits on a replica for the session's own writes, before it goes to the primary. */
  readonly replicaWaitMs: number;
  /** A session without state gives its server connections back after this long without a statement. */
  readonly idleDetachMs: number;
  /** Server connections that nobody needed for this long are closed. */
  readonly idleCloseMs: number;
  /** Statements that take so long are logged, without their values; 0: none. */
  readonly slowStatementMs: number;
  /** How long a router that is to end waits for sessions with transactions or other state. */
  readonly drainTimeoutMs: number;
}

export const routerDefaults: Omit<
  RouterConfig,
  'number' | 'workers' | 'peers' | 'listen' | 'control' | 'accounts' | 'serverTls'
> = {
  consistency: 'global',
  maxLagMs: 10_000,
  sampleIntervalMs: 20,
  sampleIdleMs: 1_500,
  serverVersion: '5.5.5-10.11.19-MariaDB',
  maxClientConnections: 10_000,
  maxConnectionsPerMember: 90,
  poolTimeoutMs: 10_000,
  bufferTimeoutMs: 30_000,
  bufferBytes: 64 * 1024 * 1024,
  connectTimeoutMs: 2_000,
  replicaWaitMs: 50,
  idleDetachMs: 1_000,
  idleCloseMs: 60_000,
  slowStatementMs: 1_000,
  drainTimeoutMs: 10_000,
};
