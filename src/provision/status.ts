/**
 * The state of a whole stack, gathered from its hosts' runners and agents: what `tandem status` shows and what `up`
 * waits for. The shape is a contract (docs/reference/status.md).
 */
import type { ServiceState } from '#src/plan/observed.ts';
import type { Operation } from '#src/topology/agent-api.ts';
import type { ApplicationRecord } from '#src/topology/application.ts';

export interface StackStatus {
  readonly stack: string;
  readonly healthy: boolean;
  readonly site: { readonly url: string; readonly address: string; readonly caFile: string };
  readonly hosts: readonly HostStatus[];
  readonly balancer: { readonly active: string | null };
  readonly database: DatabaseStatus;
  /** Who works on the stack's hosts (`up`, `deploy`, `upgrade`); null: nobody; absent: not asked, or not known. */
  readonly operation?: Operation | null;
  /** The application's release; absent: not asked, or not known. */
  readonly application?: Pick<ApplicationRecord, 'current' | 'canary' | 'underWay'>;
  /** Sentences: what is not healthy, where, what to do. */
  readonly problems: readonly string[];
  /** Sentences of the agents that an operator should know of, each with its host; no part of `healthy`. */
  readonly warnings: readonly string[];
}

export interface HostStatus {
  readonly name: string;
  readonly address: string;
  readonly roles: readonly string[];
  readonly services: readonly {
    readonly name: string;
    readonly state: ServiceState;
    readonly pid: number | null;
    readonly sinceMs: number;
  }[];
}

export interface DatabaseStatus {
  readonly primary: string | null;
  /** Counts the database's primaries; grows with every failover and switchover. */
  readonly epoch: number | null;
  /** When the present epoch began, milliseconds since the Unix epoch. */
  readonly sinceMs: number | null;
  readonly members: readonly {
    readonly host: string;
    readonly role: 'primary' | 'replica' | 'unknown';
    /** It acknowledges the primary's commits, and may be promoted. */
    readonly sync: boolean;
    readonly lagSeconds: number | null;
    /** GTID position that it has received. */
    readonly received: string | null;
    /** What its agent sees and does, in a sentence, with the rule's number. */
    readonly explanation: string;
  }[];
  /**
   * Whether a failover would succeed now; `reason` says to whom, or what is missing. Not `known` while no database host's
   * agent reaches the quorum.
   */
  readonly failover: { readonly known: boolean; readonly possible: boolean; readonly reason: string };
}
