/**
 * The state of a whole stack, gathered from its hosts' runners and agents: what `tandem status` shows and what `up`
 * waits for. The shape is a contract (docs/reference/status.md).
 */
import type { ServiceState } from '#src/plan/observed.ts';

export interface StackStatus {
  readonly stack: string;
  readonly healthy: boolean;
  readonly site: { readonly url: string; readonly address: string; readonly caFile: string };
  readonly hosts: readonly HostStatus[];
  readonly balancer: { readonly active: string | null };
  readonly database: DatabaseStatus;
  /** Sentences: what is not healthy, where, what to do. */
  readonly problems: readonly string[];
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
  readonly epoch: string | null;
  readonly members: readonly {
    readonly host: string;
    readonly role: string;
    readonly sync: boolean;
    readonly lagSeconds: number | null;
  }[];
  readonly failover: { readonly possible: boolean | null; readonly reason: string | null };
}
