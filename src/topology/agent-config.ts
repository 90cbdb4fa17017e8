/**
 * The agent's configuration file, `/etc/tandem/agent/agent.json`: everything an agent needs to know of its stack.
 * Rendered by `src/render`, read by `src/agent`. No secrets: passwords are in files that it names.
 */
import type { Role } from '#src/spec/schema.ts';

export const agentConfigPath = '/etc/tandem/agent/agent.json';

export interface AgentPeer {
  readonly name: string;
  readonly address: string;
  readonly roles: readonly Role[];
}

export interface AgentConfig {
  readonly stack: string;
  readonly stackId: string;
  readonly host: string;
  readonly address: string;
  readonly roles: readonly Role[];
  /** All hosts of the stack in the order of the stack file, this one included. */
  readonly hosts: readonly AgentPeer[];
  /** `network.operators`: addresses and networks that must not be blocked by accident. */
  readonly operators: readonly string[];
  readonly floatingAddresses: readonly string[];
  /** PEM files. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  readonly supervisorSocket: string;
  /** Own files: block-list, state. */
  readonly dataDirectory: string;
  /** `https://ADDRESS:PORT` of the etcd members; the local one first. */
  readonly etcdEndpoints: readonly string[];
  /** Only on balancers. */
  readonly balancer?: AgentBalancerConfig;
  /** Only on database hosts. */
  readonly database?: AgentDatabaseConfig;
}

export interface AgentBalancerConfig {
  /** HAProxy's runtime API (unix socket); asked `show info`-like questions to see whether it lives. */
  readonly haproxySocket: string;
  /** keepalived's track file: `0` while HAProxy is healthy, `1` otherwise (weight as in src/render/keepalived.ts). */
  readonly trackFile: string;
  /** Network interface that holds the floating addresses. */
  readonly interface: string;
  /** keepalived's pid files: the parent and its VRRP child. */
  readonly keepalivedPidFile: string;
  readonly vrrpPidFile: string;
  readonly advertMs: number;
}

export interface AgentDatabaseConfig {
  /** Database members in the order of preference; the first one is the primary until there is failover. */
  readonly members: readonly { readonly name: string; readonly address: string }[];
  readonly port: number;
  /** Name of the supervisor's service. */
  readonly service: string;
  /** Unix user that the server runs as. */
  readonly user: string;
  /** The server's data directory; its parent holds the agent's marker, and `….new` while a copy is made. */
  readonly dataDirectory: string;
  readonly socketPath: string;
  /** Files whose first line is the password. */
  readonly passwordFiles: {
    readonly agent: string;
    readonly replication: string;
    readonly application: string;
  };
  /** TLS files that the server (unix user `user`) can read, for replication. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** Schema of the application; its account has the same name. */
  readonly schema: string;
  /** SQL run once when the database is created. */
  readonly schemaFile?: string;
  readonly sync: 'required' | 'strict' | 'async';
  readonly degradeAfterMs: number;
  readonly binlogExpireSeconds: number;
  readonly binlogMaxBytes: number;
}
