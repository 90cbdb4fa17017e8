/** Alerts on the database, the SQL routers and the quorum. */
import { routerSettings } from '#src/spec/router-settings.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { recorded } from '#src/topology/monitoring.ts';
import { type Alert, type AlertContext, seen } from './alert.ts';

export function databaseAlerts(context: AlertContext): readonly Alert[] {
  const replicated = hostsWithRole(context.spec, 'database').length > 1;
  return [
    ...memberAlerts(),
    ...(replicated ? replicationAlerts(context) : []),
    ...clientAlerts(context),
    ...quorumAlerts(),
  ];
}

function memberAlerts(): readonly Alert[] {
  return [
    {
      name: 'DatabaseTierDown',
      severity: 'critical',
      expression: seen('(sum(tandem_database_primary) or vector(0)) < 1'),
      forSeconds: 15,
      summary: 'There is no primary: nothing can be written.',
      description: 'No member of the database takes writes, and no failover has mended that.',
      action:
        "'tandem status' says why nobody leads. When data must be given up to go on: 'tandem failover --force' says what would be lost.",
    },
    {
      name: 'DatabaseMemberDown',
      severity: 'warning',
      expression: 'tandem_database_ready == 0',
      forSeconds: 60,
      summary: 'The database member on {{ $labels.instance }} is not in order.',
      description: 'It neither leads nor follows as it should.',
      action:
        "'tandem status' has its own sentence on why; then 'tandem logs {{ $labels.instance }} agent' and mariadb.",
    },
    {
      name: 'ErrantTransactions',
      severity: 'critical',
      expression:
        'max by (instance) (tandem_database_errant_transactions > 0 or tandem_database_errant_files > 0)',
      forSeconds: 0,
      summary: '{{ $labels.instance }} has, or had, transactions that the primary does not have.',
      description:
        'Something wrote on a replica, or writes that nobody acknowledged were taken out when it rejoined; these are saved as SQL in /var/lib/tandem/mariadb/errant.',
      action:
        "Read the saved files ('tandem exec {{ $labels.instance }} -- ls /var/lib/tandem/mariadb/errant'), apply what is wanted on the primary, then move them away. Errant and not saved: 'tandem db rejoin {{ $labels.instance }}'; it is refused while the member is the sync standby, which ends with the next write, because that stops its replication.",
    },
  ];
}

function replicationAlerts({ thresholds }: AlertContext): readonly Alert[] {
  return [
    {
      name: 'FailoverImpossible',
      severity: 'critical',
      expression: 'max(tandem_database_failover_possible) == 0 and on () max(tandem_database_primary) == 1',
      forSeconds: 60,
      summary: 'If the primary failed now, nobody could take over.',
      description: 'The database works, but its next failure is an outage.',
      action:
        "'tandem status' says what is missing; bring the other member back, or wait until it has caught up.",
    },
    {
      name: 'SyncDegraded',
      severity: 'critical',
      expression: 'tandem_database_degraded == 1',
      forSeconds: 30,
      summary: 'The primary on {{ $labels.instance }} has no sync standby: its writes are on one host only.',
      description: 'database.sync is not async, and no replica acknowledges commits.',
      action: "'tandem status' and 'tandem logs HOST agent' on the replicas say why they do not follow.",
    },
    {
      name: 'ReplicaLag',
      severity: 'warning',
      expression: `${recorded.lagSeconds} > ${thresholds.lagSeconds}`,
      forSeconds: 60,
      summary: 'The replica on {{ $labels.instance }} is {{ $value | printf "%.0f" }} s behind the primary.',
      description:
        'It gets no reads beyond database.router.maxLagMs, and a promotion would have to wait for it.',
      action: 'Look for a long transaction or DDL on the primary, and at the disk of the replica.',
    },
    {
      name: 'ReplicationStopped',
      severity: 'warning',
      expression:
        'tandem_database_role{role="replica"} == 1 and on (instance) tandem_database_following == 0',
      forSeconds: 30,
      summary: 'The replica on {{ $labels.instance }} does not replicate.',
      description: 'It is not connected to the primary, or applying has stopped with an error.',
      action: "'tandem status' has its sentence on why; then 'tandem logs {{ $labels.instance }} mariadb'.",
    },
  ];
}

function clientAlerts({ spec }: AlertContext): readonly Alert[] {
  const most = routerSettings(spec).maxClientConnections;
  return [
    {
      name: 'DatabaseSaturated',
      severity: 'warning',
      expression: '100 * mysql_global_status_threads_connected / mysql_global_variables_max_connections > 85',
      forSeconds: 120,
      summary:
        'MariaDB on {{ $labels.instance }} has {{ $value | printf "%.0f" }} % of its connections in use.',
      description: 'Beyond 100 % statements wait in the SQL routers, then fail with error 1040.',
      action: 'Raise database.maxConnections, or look for slow statements in the routers’ logs.',
    },
    {
      name: 'RouterSaturated',
      severity: 'warning',
      expression: `tandem_router_client_connections > ${Math.floor(most * 0.85)} or sum by (instance) (tandem_router_pool_waiting_sessions) > 0`,
      forSeconds: 120,
      summary: 'The SQL router on {{ $labels.instance }} is full: clients wait.',
      description:
        'Its clients are near database.router.maxClientConnections, or wait for a connection to a member.',
      action: "Look at slow statements ('tandem logs {{ $labels.instance }} router'), then raise the limits.",
    },
  ];
}

function quorumAlerts(): readonly Alert[] {
  return [
    {
      name: 'QuorumLost',
      severity: 'critical',
      expression: seen('max(tandem_quorum_reachable) == 0'),
      forSeconds: 30,
      summary: 'etcd does not answer: nothing can fail over.',
      description: 'What runs goes on, but nobody can be promoted until a majority of etcd is back.',
      action: "Bring the hosts of the quorum back ('tandem status', 'tandem logs HOST etcd').",
    },
    {
      name: 'QuorumMemberDown',
      severity: 'warning',
      expression: 'up{job="etcd"} == 0 or etcd_server_has_leader == 0',
      forSeconds: 60,
      summary: 'The etcd member on {{ $labels.instance }} is down or has no leader.',
      description: 'With one more member down, nothing could fail over.',
      action: "'tandem logs {{ $labels.instance }} etcd'.",
    },
    {
      name: 'QuorumSpace',
      severity: 'warning',
      expression: '100 * etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes > 80',
      forSeconds: 300,
      summary: 'etcd on {{ $labels.instance }} has used {{ $value | printf "%.0f" }} % of its space.',
      description: 'The agents give space back by themselves; that they have not is a sign of trouble.',
      action: "'tandem logs {{ $labels.instance }} agent' (concern quorum) says why.",
    },
  ];
}
