/**
 * Shapes of what an agent tells the dashboard of its host (`/v1/overview`, `/v1/router`). Counters grow until their
 * process ends.
 */
import type { AgentStatus } from './agent-api.ts';

export interface BalancerFigures {
  /** Client connections now. */
  readonly connections: number;
  /** Requests to the site since HAProxy's process began, and those answered with 5xx. */
  readonly requests: number;
  readonly serverErrors: number;
  readonly servers: readonly WebServerFigures[];
}

export interface WebServerFigures {
  readonly name: string;
  /** As this balancer sees it. */
  readonly state: 'up' | 'down' | 'draining' | 'maintenance' | 'unknown';
  readonly weight: number;
  /** What the stack file says. */
  readonly configuredWeight: number;
  readonly requests: number;
  readonly errors: number;
  /** Mean of the last 1,024 requests. */
  readonly latencyMs: number;
}

export interface RouterFigures {
  readonly clients: number;
  readonly sessions: number;
  /** Statements that wait for a primary. */
  readonly held: number;
  readonly errors: number;
  /** By member: what it answered, and how long that took in all. */
  readonly members: Readonly<Record<string, { statements: number; tookSeconds: number }>>;
}

export interface HostFigures {
  readonly atMs: number;
  readonly load1: number;
  readonly cores: number;
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  /** Of the file system that holds the host's data. */
  readonly diskTotalBytes: number;
  readonly diskAvailableBytes: number;
  readonly balancer?: BalancerFigures;
  readonly router?: RouterFigures;
  /** Only on hosts of a lab. */
  readonly faults?: readonly LabFault[];
}

/** What an operator asked of a web host beside the stack file; kept in etcd, carried out by the balancers' agents. */
export interface TrafficOverride {
  readonly host: string;
  /** Takes no new requests; those under way end in peace. */
  readonly drain: boolean;
  /** Instead of the stack file's; null: the stack file's. */
  readonly weight: number | null;
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  readonly by: string;
}

export const trafficPrefix = '/tandem/traffic/';
export const maxWeight = 256;

/** A fault that an operator tries on a lab's host, while it lasts. */
export interface LabFault {
  readonly kind: 'freeze' | 'cut-off';
  /** Null: the whole host. */
  readonly service: string | null;
  /** When it ends by itself. */
  readonly untilMs: number;
}

export interface HostService {
  readonly name: string;
  readonly state: 'running' | 'starting' | 'stopped' | 'failed' | 'crash-loop' | 'done';
  readonly sinceMs: number;
  readonly restarts: number;
  readonly reason: string | null;
}

export interface HostOverview {
  readonly status: AgentStatus;
  readonly services: readonly HostService[];
  readonly figures: HostFigures;
}

export interface StatementRoute {
  readonly member: string;
  readonly reason: string;
  readonly statements: number;
}

/** The statements that took most time through one router, and where such a statement goes now. */
export interface RouterStory {
  readonly statements: readonly {
    readonly fingerprint: string;
    readonly totalMs: number;
    readonly atMostTooMuchMs: number;
    readonly statements: number;
    readonly longestMs: number;
    /** Where they went, estimated from samples; undefined from a router of an older version. */
    readonly routes?: readonly StatementRoute[];
    readonly goesTo: string | null;
    readonly because: string | null;
  }[];
  /** All statements by where they went, and why. */
  readonly routed: readonly { readonly slot: string; readonly reason: string; readonly count: number }[];
}
