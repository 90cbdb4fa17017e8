/** What every renderer is given. */
import type { HostSpec, Spec } from '#src/spec/spec.ts';
import type { ReleaseName } from './service.ts';

export interface KeyPair {
  /** PEM, leaf first. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

/** A token for the dashboard's API; what is kept of its secret is a hash. */
export interface DashboardToken {
  readonly id: string;
  /** SHA-256 of the whole token, hexadecimal: a token has 256 random bits, so no slow hash is needed. */
  readonly hash: string;
  readonly name: string;
  readonly scope: 'read' | 'act';
  /** Milliseconds since the Unix epoch. */
  readonly untilMs: number;
}

export interface DashboardMaterial {
  /** Server certificate (floating addresses, balancers), and a client's towards agents and etcd. */
  readonly identity: KeyPair;
  /** Seals sessions: the same on all balancers, so that a session outlives a takeover. Hexadecimal. */
  readonly sessionKey: string;
  /** Hashes of passwords (src/dashboard/server/passwords.ts), by operator's name. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly tokens: readonly DashboardToken[];
}

export interface AccountSecrets {
  /** The SQL routers' own, to log in to the servers: it stays when those of the clients change. */
  readonly server: string;
  /** Any of these lets a client in. */
  readonly clients: readonly [string, ...string[]];
}

/** Secrets and certificates of a stack; made once by `src/provision/material`, kept 0600 in the state directory. */
export interface Material {
  /** Random identity of this stack; data directories carry it. */
  readonly stackId: string;
  /** PEM of the internal certificate authority (no key). */
  readonly ca: string;
  /** By host name: a certificate for server and client use; subject alternative names are name, address, localhost. */
  readonly hosts: Readonly<Record<string, KeyPair>>;
  /** By host name: server and client of what monitors there; agents let its common name read metrics only. */
  readonly monitoring: Readonly<Record<string, KeyPair>>;
  /** What browsers see; SANs are the domain and the floating addresses. */
  readonly site: KeyPair;
  readonly passwords: {
    /** MariaDB accounts `tandem_replication_HOST`. */
    readonly replication: string;
    /** MariaDB account `tandem_agent` (the agent's, through the local socket only). */
    readonly agent: string;
    /** MariaDB account of the application, named like the schema. */
    readonly application: string;
  };
  /** The dashboard's own: an identity, and what it knows operators by. */
  readonly dashboard: DashboardMaterial;
  /** By name: the accounts of `database.accounts`. */
  readonly accounts: Readonly<Record<string, AccountSecrets>>;
  /** Secrets of the receivers of alerts, from the files that the stack file names. */
  readonly receivers: {
    /** In the order of `monitoring.alerts.webhooks`. */
    readonly webhookTokens: readonly (string | undefined)[];
    readonly emailPassword?: string | undefined;
  };
  /** Text of `database.schemaFile`. */
  readonly schemaSql?: string | undefined;
}

export interface RenderContext {
  readonly spec: Spec;
  readonly host: HostSpec;
  readonly material: Material;
  /** Hashes of what is shipped to the hosts; absent where they see it itself (lab). */
  readonly releases?: Readonly<Partial<Record<ReleaseName, string>>>;
}

/** The hashes of those parts of a release that a service is made of, as a property to spread. */
export function madeOf(
  { releases }: RenderContext,
  ...names: readonly ReleaseName[]
): { readonly releases?: Readonly<Partial<Record<ReleaseName, string>>> } {
  if (releases === undefined) return {};
  const found = names.flatMap((name) => (releases[name] === undefined ? [] : [[name, releases[name]]]));
  return { releases: Object.fromEntries(found) };
}
