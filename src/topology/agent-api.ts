/** Shapes of the agent's HTTPS API (`/v1/status`): served by `src/agent`, read by the command-line tool. */

export interface AgentBalancerStatus {
  /** Floating addresses that this host's interface has. */
  readonly heldAddresses: readonly string[];
  /** The local HAProxy answers. */
  readonly haproxyHealthy: boolean;
  /** Web hosts that it sends no new requests, because somebody asked for that. */
  readonly drained: readonly string[];
  /** It leaves the floating addresses to another balancer, because somebody asked for that. */
  readonly standsBack: boolean;
}

/** A web host as one balancer's HAProxy sees it (`GET /v1/balancer/servers`). */
export interface BalancerServer {
  readonly host: string;
  /** Its health checks succeed. */
  readonly up: boolean;
  /** It gets no new requests, because somebody asked for that. */
  readonly drained: boolean;
  /** 0 takes no requests. */
  readonly weight: number;
  /** Requests that it has or that wait for it. */
  readonly requests: number;
  /** The last health check's result, such as `L7OK (HTTP 200)`; null without one. */
  readonly check: string | null;
}

/** Who works on the stack's hosts (`GET /v1/operation`); one at a time. */
export interface Operation {
  /** user@host */
  readonly by: string;
  readonly pid: number;
  readonly command: string;
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number;
}

export interface AgentDatabaseStatus {
  readonly role: 'primary' | 'replica' | 'unknown';
  /** Primary: takes writes and is acknowledged by a replica where there is one. Replica: follows without error. */
  readonly ready: boolean;
  /** This member acknowledges the primary's commits (semi-sync replica side active and connected). */
  readonly sync: boolean;
  /** Seconds behind the primary; null when unknown or on the primary. */
  readonly lagSeconds: number | null;
  /** The database's epoch as this member's agent knows it; null when it doesn't. */
  readonly epoch: number | null;
  /** When that epoch began, milliseconds since the Unix epoch, by its primary's clock. */
  readonly sinceMs: number | null;
  /** GTID position that the member has received; null when it isn't known. */
  readonly received: string | null;
  /** Whether a failover would succeed now; `reason` says to whom, or what is missing. */
  readonly failover: { readonly possible: boolean; readonly reason: string };
  /** One sentence: what was seen, what is being done, and by which rule. */
  readonly explanation: string;
  /** On the primary: what of the stack file its database does not have yet; a sentence. */
  readonly pending?: string;
  /** The member will not go on by itself, such as over data that is not its own: a person has to act. */
  readonly refuses?: boolean;
}

export interface AgentStatus {
  readonly host: string;
  readonly stackId: string;
  readonly startedMs: number;
  /** Only on balancers. */
  readonly balancer?: AgentBalancerStatus;
  /** Only on database hosts. */
  readonly database?: AgentDatabaseStatus;
  /** Whether the quorum answered last time, and when (milliseconds since the Unix epoch). */
  readonly quorum: { readonly reachable: boolean; readonly atMs: number };
  /** Other hosts' clocks against this one, in milliseconds; hosts that did not answer are missing. */
  readonly clockOffsetsMs: Readonly<Record<string, number>>;
  readonly blocklistEntries: number;
  /** Things an operator should know of; sentences. */
  readonly warnings: readonly string[];
}
