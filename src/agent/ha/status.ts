/** What a running member says of itself. */
import { printPosition } from '#src/gtid/position.ts';
import { standbyOf } from '#src/ha/keys.ts';
import type { RunningServer } from '#src/ha/observation.ts';
import type { AgentDatabaseStatus } from '#src/topology/agent-api.ts';
import type { HaDriver } from './driver.ts';

export function haStatus(driver: HaDriver): AgentDatabaseStatus {
  const { state, decision, failover } = driver;
  const { config } = state;
  const cluster = state.cluster?.value;
  const seen = state.database?.value;
  const server = seen?.state === 'up' ? seen : undefined;
  const sync = cluster?.sync ?? null;
  const leads = sync?.leader === config.self;
  const epoch = sync?.epoch ?? null;
  const role = server === undefined || sync === null ? 'unknown' : leads ? 'primary' : 'replica';
  const alone = config.members.length === 1;
  const standby = sync === null ? null : standbyOf(sync);
  const inSync = alone || config.mode === 'async' || standby !== null;
  return {
    role,
    ready: server !== undefined && (leads ? !server.readOnly && inSync : follows(server) && inSync),
    sync: standby === config.self,
    lagSeconds: role === 'replica' && follows(server) ? driver.lagSeconds : null,
    explanation: `${decision.sentence} (rule ${decision.rule})`,
    epoch,
    sinceMs: cluster === undefined ? null : sinceOf(driver, epoch),
    received: server?.received == null ? null : printPosition(server.received),
    failover: failover.possible
      ? { possible: true, reason: `${failover.to} would take over` }
      : { possible: false, reason: failover.reason },
  };
}

function follows(server: RunningServer | undefined): boolean {
  const replication = server?.replication ?? null;
  return replication?.connected === true && replication.sqlRunning && replication.error === null;
}

/** When the epoch began, by its primary's clock; null when etcd doesn't say. */
function sinceOf(driver: HaDriver, epoch: number | null): number | null {
  const entry = driver.state.cluster?.value.history.find((each) => each.epoch === epoch);
  const atMs = (entry as { atMs?: unknown } | undefined)?.atMs;
  return typeof atMs === 'number' ? atMs : null;
}
