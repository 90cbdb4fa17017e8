/** The decision core's configuration for this member, from what `up` derived from the stack file. */
import type { Config } from '#src/ha/state.ts';
import type { AgentContext } from '../context.ts';
import type { DatabaseMember } from '../database/member.ts';

/**
 * Clocks drift by far less within a lease; the rest is for the time between deciding and acting. A quarter of the
 * lease is when it is renewed next, so two renewals in a row may be late.
 */
const marginShare = 0.2;

/** Measured on an idle two-core machine (npm run prove -- failover-2): recovery of a small database, and a failover. */
const restartEstimateMs = 1_000;
const failoverEstimateMs = 500;

/** Beyond what a switchover waits for open transactions: for the target to receive everything. */
const switchoverExtraMs = 5_000;

export function haConfig(context: AgentContext, member: DatabaseMember): Config {
  const { leaseMs } = context.config;
  const { members, sync, degradeAfterMs, failover, switchover } = member.config;
  return {
    stackId: member.stackId,
    self: member.self,
    members: members.map(({ name }) => name),
    leaving: members.filter(({ leaving }) => leaving === true).map(({ name }) => name),
    mode: sync,
    serverId: member.serverId,
    leaseTtlMs: leaseMs,
    leaseMarginMs: Math.round(leaseMs * marginShare),
    degradeAfterMs,
    restartEstimateMs,
    failoverEstimateMs,
    stableAfterMs: failover.stableAfterMs,
    freeFailovers: failover.free,
    flapHoldMs: failover.holdMs,
    switchoverLimitMs: switchover.waitMs + switchoverExtraMs,
  };
}
