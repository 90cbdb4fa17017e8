/** What a member says of itself in the agent's status; pure. */
import type { ServerProbe } from '#src/adapters/mariadb/observe.ts';
import type { AgentDatabaseStatus } from '#src/topology/agent-api.ts';
import type { FollowResult } from './follow.ts';
import type { LeadResult } from './lead.ts';

export interface MemberView {
  readonly status: AgentDatabaseStatus;
  readonly primary: string | undefined;
  readonly probe: ServerProbe | undefined;
  /** GTID position that a replica has received; undefined on the primary, and when it is not known. */
  readonly receivedPosition: string | undefined;
}

export function leadStatus({ sync }: LeadResult): AgentDatabaseStatus {
  return {
    role: 'primary',
    ready: !sync.degraded,
    sync: false,
    lagSeconds: null,
    explanation: `leads; ${sync.reason}`,
  };
}

export function replicaView(
  { probe, status }: FollowResult,
  primary: string,
  mode: 'required' | 'strict' | 'async',
): MemberView {
  const running = status?.ioThread === 'running' && status.sqlThread === 'running';
  const sync = running && probe.replicaEnabled && probe.replicaActive;
  return {
    status: {
      role: 'replica',
      ready: running && (sync || mode === 'async'),
      sync,
      lagSeconds: running ? status.lagSeconds : null,
      explanation: replicaSentence(status, primary, sync),
    },
    primary,
    probe,
    receivedPosition: status?.receivedPosition === '' ? undefined : status?.receivedPosition,
  };
}

function replicaSentence(status: FollowResult['status'], primary: string, sync: boolean): string {
  if (status === undefined) return `not attached to ${primary} yet`;
  if (status.lastError !== undefined) return `does not follow ${primary}: ${status.lastError}`;
  if (status.ioThread === 'connecting') return `connecting to ${primary}`;
  if (status.ioThread === 'stopped' || status.sqlThread === 'stopped')
    return `replication from ${primary} is stopped`;
  return sync
    ? `follows ${primary} and acknowledges its commits`
    : `follows ${primary} without acknowledging`;
}
