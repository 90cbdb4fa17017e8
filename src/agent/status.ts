/** What `GET /v1/status` says. */
import type { AgentStatus } from '#src/topology/agent-api.ts';
import type { BalancerConcern } from './balancer/concern.ts';
import type { Blocklist } from './blocklist/concern.ts';
import type { AgentContext } from './context.ts';
import type { DatabaseConcern } from './database/concern.ts';
import type { ClockConcern } from './upkeep/clock.ts';
import type { QuorumConcern } from './upkeep/quorum.ts';

export interface StatusParts {
  readonly context: AgentContext;
  readonly blocklist: Blocklist;
  readonly quorum: QuorumConcern;
  readonly clock: ClockConcern;
  readonly database: DatabaseConcern | undefined;
  readonly balancer: BalancerConcern | undefined;
}

export async function agentStatus(parts: StatusParts): Promise<AgentStatus> {
  const { config, warnings, startedMs } = parts.context;
  return {
    host: config.host,
    stackId: config.stackId,
    startedMs,
    ...(parts.balancer === undefined ? {} : { balancer: await parts.balancer.status() }),
    ...(parts.database === undefined ? {} : { database: parts.database.status }),
    quorum: parts.quorum.status,
    clockOffsetsMs: parts.clock.offsetsMs,
    blocklistEntries: parts.blocklist.list().length,
    warnings: warnings.list(),
  };
}
