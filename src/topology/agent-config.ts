/**
 * The agent's configuration: what `up` derives from the stack file for one host. It lies in two files, because what all
 * hosts know of each other is the same everywhere (`AgentFile`). Secrets are in files of their own, named here.
 */
import type { AccountPrivileges, HookName } from '#src/spec/schema/database.ts';
import type { Role } from '#src/spec/schema/hosts.ts';

export interface AgentPeer {
  readonly name: string;
  readonly address: string;
  readonly roles: readonly Role[];
  /** Its database member is on its way out of the stack. */
  readonly leaving?: boolean;
}

export interface AgentDatabaseConfig {
  /** MariaDB's data directory. */
  readonly dataDirectory: string;
  readonly socket: string;
  readonly port: number;
  /** The server's main option file. */
  readonly optionFile: string;
  /** Option file that the agent writes before each start (role, server id). */
  readonly roleFile: string;
  /** Members in the order of the stack file; the first creates the database. */
  readonly members: readonly AgentPeer[];
  readonly schema: string;
  /** File on the host with the SQL that fills a new schema; absent without one. */
  readonly schemaFile?: string;
  readonly sync: 'required' | 'strict' | 'async';
  readonly degradeAfterMs: number;
  readonly failover: { readonly stableAfterMs: number; readonly free: number; readonly holdMs: number };
  readonly switchover: { readonly waitMs: number; readonly atTimeout: 'give-up' | 'end-transactions' };
  /** Commands with their arguments. */
  readonly hooks: Partial<Record<HookName, readonly string[]>>;
  readonly binlogExpireSeconds: number;
  readonly binlogMaxBytes: number;
  /** Beside the application's account; their passwords are in `passwordsFile`. */
  readonly accounts: readonly { readonly name: string; readonly privileges: AccountPrivileges }[];
  /** Name of the application's account. */
  readonly applicationAccount: string;
  /** JSON file (0600): passwords of the accounts `replication`, `agent`, `application`, and `accounts` by name. */
  readonly passwordsFile: string;
}

export interface AgentConfig {
  readonly stack: string;
  readonly stackId: string;
  readonly host: string;
  readonly address: string;
  /** Network interface that carries `address` and the floating addresses. */
  readonly interface: string;
  readonly roles: readonly Role[];
  /** Who runs the host's services; the lab's supervisor when absent. */
  readonly runner?: 'systemd';
  /** Prefix length of the stack's network. */
  readonly prefixLength: number;
  readonly floatingAddresses: readonly string[];
  readonly operators: readonly string[];
  /** All hosts, this one included. */
  readonly peers: readonly AgentPeer[];
  /** `https://ADDRESS:2379` of every etcd member, this host's own first. */
  readonly etcdEndpoints: readonly string[];
  readonly leaseMs: number;
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** Directory for the agent's own files. */
  readonly dataDirectory: string;
  readonly blocklist: { readonly json: string; readonly nft: string };
  /** A host of a lab: faults may be asked of its agent. */
  readonly lab: boolean;
  /** Only on web hosts: the SQL router's control endpoint. */
  readonly routerControlSocket?: string;
  /** Only on balancers. */
  readonly balancer?: {
    /** HAProxy's runtime API. */
    readonly haproxySocket: string;
    /** HAProxy's health frontend: a unix socket that speaks HTTP. */
    readonly haproxyHealthSocket: string;
    /** keepalived's track file: 0 while HAProxy is healthy, -254 while it is not. */
    readonly trackFile: string;
    /** How often keepalived wakes at least while it holds an address. */
    readonly advertMs: number;
  };
  /** Only on database hosts. */
  readonly database?: AgentDatabaseConfig;
  /** Only on web hosts: unix sockets that speak HTTP, for figures. */
  readonly web?: { readonly nginxStatusSocket: string; readonly routerControlSocket: string };
  /** Only on hosts with Alertmanager; `position` among them, from 0. */
  readonly monitoring?: { readonly position: number };
}

/** /etc/tandem/agent/agent.json, as it is on one host; the peers are a list (`AgentPeer[]`) in a file of its own. */
export interface AgentFile extends Omit<AgentConfig, 'peers' | 'database'> {
  /** Absolute path. */
  readonly peersFile: string;
  readonly database?: Omit<AgentDatabaseConfig, 'members'>;
}

/** What an agent goes by, from its two files. */
export function agentConfigOf(
  { peersFile: _, ...file }: AgentFile,
  peers: readonly AgentPeer[],
): AgentConfig {
  const { database, ...rest } = file;
  if (database === undefined) return { ...rest, peers };
  const members = peers.filter(({ roles }) => roles.includes('database'));
  return { ...rest, peers, database: { ...database, members } };
}
