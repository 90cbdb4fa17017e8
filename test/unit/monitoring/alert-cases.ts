/**
 * For each alert what makes it fire, and something close to that which does not. Series as promtool writes them
 * (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/), one value each 15 s.
 */

export interface AlertCase {
  readonly alert: string;
  /** What is special about it. */
  readonly when: string;
  readonly series: Readonly<Record<string, string>>;
  /** The four hosts answer, unless told otherwise. */
  readonly up?: Readonly<Record<string, string>>;
  /** Seconds after the first values. */
  readonly at: number;
  /** Labels (beside `severity`) and the summary of each alert that fires. */
  readonly fires: readonly { readonly labels: Readonly<Record<string, string>>; readonly summary: string }[];
}

const always = (value: number) => `${value}x200`;

type Quiet = Pick<AlertCase, 'when' | 'series'> & Partial<AlertCase>;

/** A case that fires once, and one that does not. */
function pair(
  alert: string,
  fires: Pick<AlertCase, 'series' | 'at'> &
    Partial<AlertCase> & {
      readonly labels?: Readonly<Record<string, string>>;
      readonly summary: string;
    },
  quiet: Quiet,
): readonly AlertCase[] {
  const { labels = {}, summary, ...rest } = fires;
  return [
    { alert, when: 'its cause is there', ...rest, fires: [{ labels, summary }] },
    { alert, at: fires.at, fires: [], ...quiet },
  ];
}

const siteCases: readonly AlertCase[] = [
  ...pair(
    'BalancerTierDown',
    {
      series: {
        'tandem_haproxy_healthy{instance="lb-1"}': always(0),
        'tandem_haproxy_healthy{instance="lb-2"}': always(0),
      },
      at: 60,
      summary: 'No balancer serves: the site is down.',
    },
    {
      when: 'one of two is healthy',
      series: {
        'tandem_haproxy_healthy{instance="lb-1"}': always(0),
        'tandem_haproxy_healthy{instance="lb-2"}': always(1),
      },
    },
  ),
  ...pair(
    'AddressUnheld',
    {
      series: {
        'tandem_address_held{instance="lb-1",address="10.77.0.100"}': always(0),
        'tandem_address_held{instance="lb-2",address="10.77.0.100"}': always(0),
      },
      at: 60,
      labels: { address: '10.77.0.100' },
      summary: 'No balancer holds 10.77.0.100: the site is down at this address.',
    },
    {
      when: 'it moves',
      series: {
        'tandem_address_held{instance="lb-1",address="10.77.0.100"}': '1 0x200',
        'tandem_address_held{instance="lb-2",address="10.77.0.100"}': '0 0 1x200',
      },
    },
  ),
  ...pair(
    'AddressHeldTwice',
    {
      series: {
        'tandem_address_held{instance="lb-1",address="10.77.0.100"}': always(1),
        'tandem_address_held{instance="lb-2",address="10.77.0.100"}': always(1),
      },
      at: 60,
      labels: { address: '10.77.0.100' },
      summary: '2 balancers hold 10.77.0.100 at once.',
    },
    {
      when: 'the figures of one balancer are older than those of the other while it moves',
      series: {
        'tandem_address_held{instance="lb-1",address="10.77.0.100"}': '1 1 1 0x200',
        'tandem_address_held{instance="lb-2",address="10.77.0.100"}': '0 0 1x200',
      },
    },
  ),
  ...pair(
    'WebTierDown',
    {
      series: {
        'haproxy_backend_status{instance="lb-1",proxy="web",state="UP"}': always(0),
        'haproxy_backend_status{instance="lb-2",proxy="web",state="UP"}': always(0),
      },
      at: 60,
      summary: 'No web host answers its health check: the site answers 503.',
    },
    {
      when: 'one balancer sees one',
      series: {
        'haproxy_backend_status{instance="lb-1",proxy="web",state="UP"}': always(0),
        'haproxy_backend_status{instance="lb-2",proxy="web",state="UP"}': always(1),
      },
    },
  ),
  ...pair(
    'WebHostDown',
    {
      series: {
        'haproxy_server_status{instance="lb-1",proxy="web",server="server-1",state="DOWN"}': always(1),
        'haproxy_server_status{instance="lb-2",proxy="web",server="server-1",state="DOWN"}': always(1),
      },
      at: 60,
      labels: { instance: 'server-1', server: 'server-1' },
      summary: 'Web host server-1 does not answer its health check.',
    },
    {
      when: 'only one balancer does not reach it',
      series: {
        'haproxy_server_status{instance="lb-1",proxy="web",server="server-1",state="DOWN"}': always(1),
        'haproxy_server_status{instance="lb-2",proxy="web",server="server-1",state="DOWN"}': always(0),
      },
    },
  ),
  ...pair(
    'ErrorRatio',
    {
      series: {
        'haproxy_frontend_http_requests_total{instance="lb-1",proxy="https"}': '0+300x200',
        'haproxy_frontend_http_responses_total{instance="lb-1",proxy="https",code="2xx"}': '0+285x200',
        'haproxy_frontend_http_responses_total{instance="lb-1",proxy="https",code="5xx"}': '0+15x200',
      },
      at: 300,
      summary: '5.0 % of the requests are answered with an error (5xx).',
    },
    {
      when: 'errors of other kinds, and one request in a hundred seconds',
      series: {
        'haproxy_frontend_http_requests_total{instance="lb-1",proxy="https"}': '0+300x200',
        'haproxy_frontend_http_responses_total{instance="lb-1",proxy="https",code="2xx"}': '0+200x200',
        'haproxy_frontend_http_responses_total{instance="lb-1",proxy="https",code="4xx"}': '0+97x200',
        'haproxy_frontend_http_responses_total{instance="lb-1",proxy="https",code="5xx"}': '0+3x200',
      },
    },
  ),
  {
    alert: 'ErrorRatio',
    when: 'hardly anybody asks',
    series: {
      'haproxy_frontend_http_requests_total{instance="lb-1",proxy="https"}': '0+1x200',
      'haproxy_frontend_http_responses_total{instance="lb-1",proxy="https",code="5xx"}': '0+1x200',
    },
    at: 300,
    fires: [],
  },
  ...pair(
    'BalancerSaturated',
    {
      series: {
        'haproxy_process_current_connections{instance="lb-1"}': always(4_050),
        'haproxy_process_max_connections{instance="lb-1"}': always(4_500),
      },
      at: 180,
      labels: { instance: 'lb-1' },
      summary: 'HAProxy on lb-1 has 90 % of its connections in use.',
    },
    {
      when: 'it is half full',
      series: {
        'haproxy_process_current_connections{instance="lb-1"}': always(2_250),
        'haproxy_process_max_connections{instance="lb-1"}': always(4_500),
      },
    },
  ),
];

const databaseCases: readonly AlertCase[] = [
  ...pair(
    'DatabaseTierDown',
    {
      series: {
        'tandem_database_primary{instance="server-1"}': always(0),
        'tandem_database_primary{instance="server-2"}': always(0),
      },
      at: 60,
      summary: 'There is no primary: nothing can be written.',
    },
    {
      when: 'the other one takes over between two readings',
      series: {
        'tandem_database_primary{instance="server-1"}': '1 1 0x200',
        'tandem_database_primary{instance="server-2"}': '0 0 0 1x200',
      },
    },
  ),
  ...pair(
    'DatabaseMemberDown',
    {
      series: { 'tandem_database_ready{instance="server-2"}': always(0) },
      at: 90,
      labels: { instance: 'server-2' },
      summary: 'The database member on server-2 is not in order.',
    },
    {
      when: 'it is back within a minute',
      series: { 'tandem_database_ready{instance="server-2"}': '0 0 0 1x200' },
    },
  ),
  ...pair(
    'ErrantTransactions',
    {
      series: { 'tandem_database_errant_transactions{instance="server-2"}': always(1) },
      at: 15,
      labels: { instance: 'server-2' },
      summary: 'server-2 has, or had, transactions that the primary does not have.',
    },
    {
      when: 'there are none',
      series: {
        'tandem_database_errant_transactions{instance="server-2"}': always(0),
        'tandem_database_errant_files{instance="server-2"}': always(0),
      },
    },
  ),
  {
    alert: 'ErrantTransactions',
    when: 'they were taken out and saved',
    series: {
      'tandem_database_errant_transactions{instance="server-1"}': always(0),
      'tandem_database_errant_files{instance="server-1"}': always(1),
    },
    at: 15,
    fires: [
      {
        labels: { instance: 'server-1' },
        summary: 'server-1 has, or had, transactions that the primary does not have.',
      },
    ],
  },
  ...pair(
    'FailoverImpossible',
    {
      series: {
        'tandem_database_failover_possible{instance="server-1"}': always(0),
        'tandem_database_failover_possible{instance="server-2"}': always(0),
        'tandem_database_primary{instance="server-1"}': always(1),
      },
      at: 90,
      summary: 'If the primary failed now, nobody could take over.',
    },
    {
      when: 'one agent has read etcd before the other',
      series: {
        'tandem_database_failover_possible{instance="server-1"}': always(1),
        'tandem_database_failover_possible{instance="server-2"}': always(0),
        'tandem_database_primary{instance="server-1"}': always(1),
      },
    },
  ),
  ...pair(
    'SyncDegraded',
    {
      series: { 'tandem_database_degraded{instance="server-1"}': always(1) },
      at: 60,
      labels: { instance: 'server-1' },
      summary: 'The primary on server-1 has no sync standby: its writes are on one host only.',
    },
    { when: 'it has', series: { 'tandem_database_degraded{instance="server-1"}': always(0) } },
  ),
  ...pair(
    'ReplicaLag',
    {
      series: { 'tandem_database_lag_seconds{instance="server-2"}': always(45) },
      at: 120,
      labels: { instance: 'server-2' },
      summary: 'The replica on server-2 is 45 s behind the primary.',
    },
    {
      when: 'a burst passes',
      series: { 'tandem_database_lag_seconds{instance="server-2"}': '45 45 10x200' },
    },
  ),
  ...pair(
    'ReplicationStopped',
    {
      series: {
        'tandem_database_role{instance="server-2",role="replica"}': always(1),
        'tandem_database_following{instance="server-2"}': always(0),
      },
      at: 60,
      labels: { instance: 'server-2', role: 'replica' },
      summary: 'The replica on server-2 does not replicate.',
    },
    {
      when: 'it follows',
      series: {
        'tandem_database_role{instance="server-2",role="replica"}': always(1),
        'tandem_database_following{instance="server-2"}': always(1),
      },
    },
  ),
  ...pair(
    'DatabaseSaturated',
    {
      series: {
        'mysql_global_status_threads_connected{instance="server-1"}': always(180),
        'mysql_global_variables_max_connections{instance="server-1"}': always(200),
      },
      at: 180,
      labels: { instance: 'server-1' },
      summary: 'MariaDB on server-1 has 90 % of its connections in use.',
    },
    {
      when: 'there is room',
      series: {
        'mysql_global_status_threads_connected{instance="server-1"}': always(100),
        'mysql_global_variables_max_connections{instance="server-1"}': always(200),
      },
    },
  ),
  ...pair(
    'RouterSaturated',
    {
      series: { 'tandem_router_client_connections{instance="server-1"}': always(9_000) },
      at: 180,
      labels: { instance: 'server-1' },
      summary: 'The SQL router on server-1 is full: clients wait.',
    },
    {
      when: 'somebody waited for a moment',
      series: {
        'tandem_router_client_connections{instance="server-1"}': always(50),
        'tandem_router_pool_waiting_sessions{instance="server-1",member="server-1",role="primary"}':
          '0 3 0x200',
      },
    },
  ),
  {
    alert: 'RouterSaturated',
    when: 'sessions wait for a connection',
    series: {
      'tandem_router_pool_waiting_sessions{instance="server-2",member="server-1",role="primary"}': always(2),
    },
    at: 180,
    fires: [
      { labels: { instance: 'server-2' }, summary: 'The SQL router on server-2 is full: clients wait.' },
    ],
  },
  ...pair(
    'QuorumLost',
    {
      series: {
        'tandem_quorum_reachable{instance="lb-1"}': always(0),
        'tandem_quorum_reachable{instance="server-1"}': always(0),
      },
      at: 60,
      summary: 'etcd does not answer: nothing can fail over.',
    },
    {
      when: 'one host does not reach it',
      series: {
        'tandem_quorum_reachable{instance="lb-1"}': always(0),
        'tandem_quorum_reachable{instance="server-1"}': always(1),
      },
    },
  ),
  ...pair(
    'QuorumMemberDown',
    {
      series: { 'etcd_server_has_leader{job="etcd",instance="server-2"}': always(0) },
      at: 90,
      labels: { instance: 'server-2', job: 'etcd' },
      summary: 'The etcd member on server-2 is down or has no leader.',
    },
    {
      when: 'something else is down',
      series: { 'up{job="nginx",instance="server-2"}': always(0) },
    },
  ),
  ...pair(
    'QuorumSpace',
    {
      series: {
        'etcd_mvcc_db_total_size_in_bytes{instance="lb-1"}': always(90),
        'etcd_server_quota_backend_bytes{instance="lb-1"}': always(100),
      },
      at: 330,
      labels: { instance: 'lb-1' },
      summary: 'etcd on lb-1 has used 90 % of its space.',
    },
    {
      when: 'there is room',
      series: {
        'etcd_mvcc_db_total_size_in_bytes{instance="lb-1"}': always(10),
        'etcd_server_quota_backend_bytes{instance="lb-1"}': always(100),
      },
    },
  ),
];

const day = 86_400;

const hostCases: readonly AlertCase[] = [
  ...pair(
    'HostDown',
    {
      series: { 'up{job="node",instance="lb-2"}': always(0) },
      up: { 'lb-1': always(1), 'lb-2': always(0), 'server-1': always(1), 'server-2': always(1) },
      at: 60,
      labels: { instance: 'lb-2' },
      summary: 'lb-2 is down, or cut off.',
    },
    {
      when: 'only one of its services is down',
      series: { 'up{job="node",instance="lb-2"}': always(0) },
    },
  ),
  {
    alert: 'HostDown',
    when: 'this Prometheus is the one that is cut off',
    series: {},
    up: { 'lb-1': always(1), 'lb-2': always(0), 'server-1': always(0), 'server-2': always(0) },
    at: 300,
    fires: [],
  },
  ...pair(
    'CertificateEnds',
    {
      series: {
        'tandem_certificate_not_after_seconds{instance="lb-1",file="haproxy/site.pem",name="shop.example"}':
          always(60 + 10 * day),
      },
      at: 60,
      labels: { instance: 'lb-1', file: 'haproxy/site.pem', name: 'shop.example' },
      summary: 'haproxy/site.pem on lb-1 ends in 10d 0h 0m 0s.',
    },
    {
      when: 'it has a month',
      series: {
        'tandem_certificate_not_after_seconds{instance="lb-1",file="haproxy/site.pem",name="shop.example"}':
          always(60 + 30 * day),
      },
    },
  ),
  ...pair(
    'ServiceDown',
    {
      series: { 'tandem_service_up{instance="server-1",service="nginx"}': always(0) },
      at: 90,
      labels: { instance: 'server-1', service: 'nginx' },
      summary: 'nginx on server-1 does not run.',
    },
    {
      when: 'it was restarted',
      series: { 'tandem_service_up{instance="server-1",service="nginx"}': '1 0 0 1x200' },
    },
  ),
  ...pair(
    'CrashLoop',
    {
      series: { 'tandem_service_crash_loop{instance="server-1",service="app-1"}': always(1) },
      at: 15,
      labels: { instance: 'server-1', service: 'app-1' },
      summary: 'app-1 on server-1 ends again and again.',
    },
    {
      when: 'it ended twice',
      series: { 'tandem_service_restarts_total{instance="server-1",service="app-1"}': '0 1 1 2x200' },
      at: 600,
    },
  ),
  {
    alert: 'CrashLoop',
    when: 'it ends once a minute, which no runner calls a crash loop',
    series: { 'tandem_service_restarts_total{instance="server-1",service="app-1"}': '0+0.25x200' },
    at: 1_200,
    fires: [
      {
        labels: { instance: 'server-1', service: 'app-1' },
        summary: 'app-1 on server-1 ends again and again.',
      },
    ],
  },
  ...pair(
    'DiskFull',
    {
      series: {
        'tandem_disk_available_bytes{instance="server-1",path="/var/lib/tandem"}': always(5),
        'tandem_disk_size_bytes{instance="server-1",path="/var/lib/tandem"}': always(100),
      },
      at: 90,
      labels: { instance: 'server-1', path: '/var/lib/tandem' },
      summary: '/var/lib/tandem on server-1 is 95 % full.',
    },
    {
      when: 'there is room',
      series: {
        'tandem_disk_available_bytes{instance="server-1",path="/var/lib/tandem"}': always(50),
        'tandem_disk_size_bytes{instance="server-1",path="/var/lib/tandem"}': always(100),
      },
    },
  ),
  ...pair(
    'CpuSaturated',
    {
      series: { 'node_cpu_seconds_total{instance="server-1",cpu="0",mode="idle"}': '0+0.3x200' },
      at: 900,
      labels: { instance: 'server-1' },
      summary: 'The processors of server-1 are 98 % busy.',
    },
    {
      when: 'they are half busy',
      series: { 'node_cpu_seconds_total{instance="server-1",cpu="0",mode="idle"}': '0+7.5x200' },
    },
  ),
  ...pair(
    'MemoryShort',
    {
      series: {
        'node_memory_MemAvailable_bytes{instance="server-1"}': always(4),
        'node_memory_MemTotal_bytes{instance="server-1"}': always(100),
      },
      at: 420,
      labels: { instance: 'server-1' },
      summary: '96 % of the memory of server-1 is in use.',
    },
    {
      when: 'there is some',
      series: {
        'node_memory_MemAvailable_bytes{instance="server-1"}': always(40),
        'node_memory_MemTotal_bytes{instance="server-1"}': always(100),
      },
    },
  ),
  ...pair(
    'OutOfMemory',
    {
      series: { 'node_vmstat_oom_kill{instance="server-1"}': '0 0 1x200' },
      at: 120,
      labels: { instance: 'server-1' },
      summary: 'The kernel of server-1 ended a process for want of memory.',
    },
    { when: 'that was long ago', series: { 'node_vmstat_oom_kill{instance="server-1"}': always(3) } },
  ),
  ...pair(
    'ClockSkew',
    {
      series: { 'tandem_clock_offset_seconds{instance="lb-1",host="server-1"}': always(-2) },
      at: 330,
      labels: { instance: 'lb-1' },
      summary: 'Clocks differ by 2.0 s, seen from lb-1.',
    },
    {
      when: 'by less',
      series: { 'tandem_clock_offset_seconds{instance="lb-1",host="server-1"}': always(0.1) },
    },
  ),
  ...pair(
    'MaintenanceLong',
    {
      series: { 'tandem_maintenance_since_seconds{instance="lb-1"}': always(60 - 13 * 3_600) },
      at: 60,
      summary: 'Maintenance has been on for 13h 0m 0s.',
    },
    {
      when: 'it has just begun',
      series: { 'tandem_maintenance_since_seconds{instance="lb-1"}': always(30) },
    },
  ),
];

const monitoringCases: readonly AlertCase[] = [
  ...pair(
    'TargetDown',
    {
      series: { 'up{job="router",instance="server-1"}': always(0) },
      at: 90,
      labels: { instance: 'server-1', job: 'router' },
      summary: 'router on server-1 does not answer Prometheus.',
    },
    { when: 'it missed two readings', series: { 'up{job="router",instance="server-1"}': '1 0 0 1x200' } },
  ),
  ...pair(
    'MonitoringBlind',
    {
      series: {},
      up: { 'lb-1': always(1), 'lb-2': always(0), 'server-1': always(0), 'server-2': always(0) },
      at: 180,
      summary: 'Prometheus sees 25% of the hosts.',
    },
    {
      when: 'half of them are there',
      series: {},
      up: { 'lb-1': always(1), 'lb-2': always(1), 'server-1': always(0), 'server-2': always(0) },
    },
  ),
  ...pair(
    'DatabaseUnseen',
    {
      series: {
        'mysql_up{instance="server-1",job="mysqld"}': always(0),
        'tandem_database_ready{instance="server-1",job="agent"}': always(1),
      },
      at: 180,
      labels: { instance: 'server-1', job: 'mysqld' },
      summary: "The exporter on server-1 can't read the figures of its database server.",
    },
    {
      when: 'the server itself is down',
      series: {
        'mysql_up{instance="server-1",job="mysqld"}': always(0),
        'tandem_database_ready{instance="server-1",job="agent"}': always(0),
      },
    },
  ),
  ...pair(
    'PrometheusTrouble',
    {
      series: { 'prometheus_config_last_reload_successful{instance="lb-1"}': always(0) },
      at: 90,
      labels: { instance: 'lb-1' },
      summary: 'Prometheus on lb-1 has trouble with its configuration or rules.',
    },
    {
      when: 'all is well',
      series: {
        'prometheus_config_last_reload_successful{instance="lb-1"}': always(1),
        'prometheus_rule_evaluation_failures_total{instance="lb-1"}': always(0),
      },
    },
  ),
  ...pair(
    'AlertsUndelivered',
    {
      series: {
        'alertmanager_notifications_failed_total{instance="lb-1",integration="webhook"}': '0+1x200',
        'alertmanager_notifications_failed_total{instance="lb-1",integration="email"}': always(0),
      },
      at: 180,
      labels: { instance: 'lb-1', integration: 'webhook' },
      summary: 'Alerts could not be sent by webhook from lb-1.',
    },
    {
      when: 'that was before',
      series: { 'alertmanager_notifications_failed_total{instance="lb-1",integration="webhook"}': always(7) },
    },
  ),
  ...pair(
    'AlertmanagersApart',
    {
      series: { 'alertmanager_cluster_members{instance="lb-1"}': always(1) },
      at: 330,
      labels: { instance: 'lb-1' },
      summary: 'Alertmanager on lb-1 does not reach the other one.',
    },
    { when: 'they are two', series: { 'alertmanager_cluster_members{instance="lb-1"}': always(2) } },
  ),
];

export const alertCases: readonly AlertCase[] = [
  ...siteCases,
  ...databaseCases,
  ...hostCases,
  ...monitoringCases,
];
