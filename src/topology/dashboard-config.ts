/**
 * The dashboard's configuration file (/etc/tandem/dashboard/dashboard.json): what `up` derives from the stack file for
 * one balancer. Secrets are in files of their own, named here.
 */
import type { OperatorRole } from '#src/spec/schema/dashboard.ts';
import type { Role } from '#src/spec/schema/hosts.ts';

export interface DashboardConfig {
  readonly stack: string;
  readonly stackId: string;
  /** The balancer that this dashboard runs on. */
  readonly host: string;
  /** All addresses: whichever host holds the floating one answers there. */
  readonly listen: { readonly address: string; readonly port: number };
  /** Where operators go: the first floating address. */
  readonly url: string;
  /** Hosts are a lab's: faults may be injected. */
  readonly lab: boolean;
  readonly floatingAddresses: readonly string[];
  readonly siteUrl: string;
  readonly hosts: readonly {
    readonly name: string;
    readonly address: string;
    readonly roles: readonly Role[];
  }[];
  readonly sync: 'required' | 'strict' | 'async';
  /** Where agents listen. */
  readonly agentPort: number;
  readonly etcdEndpoints: readonly string[];
  /** `https://ADDRESS:PORT` of every Prometheus, each of which sees the whole stack; none: the time view is from memory. */
  readonly prometheus: readonly string[];
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** JSON (0600): `DashboardAccounts`. */
  readonly accountsFile: string;
  /** Directory of the built page. */
  readonly assetsDirectory: string;
  readonly idleMs: number;
  readonly sessionMs: number;
}

/** The accounts file; read again when it changes, so that a new password holds at once. */
export interface DashboardAccounts {
  /** Hexadecimal. */
  readonly sessionKey: string;
  readonly operators: readonly {
    readonly name: string;
    readonly role: OperatorRole;
    /** Null: nobody can log in with a password. */
    readonly passwordHash: string | null;
  }[];
  readonly tokens: readonly {
    readonly id: string;
    readonly hash: string;
    readonly name: string;
    readonly scope: 'read' | 'act';
    readonly untilMs: number;
  }[];
}
