/** What the dashboards for Grafana show: one row a panel, in the order of the page. */
import { recorded } from '#src/topology/monitoring.ts';

export type Unit = 'short' | 'percentunit' | 's' | 'Bps' | 'bytes' | 'reqps' | 'ops' | 'bool';

export interface Query {
  readonly expression: string;
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What a reader should look for. */
  readonly description: string;
  readonly kind: 'timeseries' | 'stat';
  readonly unit: Unit;
  readonly queries: readonly Query[];
}

export interface Dashboard {
  /** File name, and Grafana's uid. */
  readonly name: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

const query = (expression: string, legend: string): Query => ({ expression, legend });
const host = '{{instance}}';
const window = '$__rate_interval';

function series(title: string, unit: Unit, description: string, ...queries: readonly Query[]): Panel {
  return { title, description, kind: 'timeseries', unit, queries };
}

function now(title: string, unit: Unit, description: string, ...queries: readonly Query[]): Panel {
  return { title, description, kind: 'stat', unit, queries };
}

const overview: Dashboard = {
  name: 'tandem-overview',
  title: 'Tandem: overview',
  panels: [
    now(
      'Alerts',
      'short',
      'Alerts that fire.',
      query('count(ALERTS{alertstate="firing"}) or vector(0)', 'firing'),
    ),
    now(
      'Address',
      'short',
      'Which balancer has the floating address.',
      query('tandem_address_held == 1', host),
    ),
    now('Primary', 'short', 'Which member takes writes.', query('tandem_database_primary == 1', host)),
    now(
      'A failover would succeed',
      'bool',
      'Zero: the next failure of the primary is an outage.',
      query('max(tandem_database_failover_possible)', 'possible'),
    ),
    series('Requests', 'reqps', 'By balancer.', query(recorded.requests, host)),
    series(
      'Errors',
      'percentunit',
      'Share of the requests answered with 5xx.',
      query(recorded.errorRatio, 'site'),
    ),
    series(
      'Time to answer',
      's',
      'Mean of the last 1024 requests, by web host.',
      query(recorded.webResponseSeconds, '{{server}}'),
    ),
    series(
      'Requests by web host',
      'reqps',
      'As the balancers spread them.',
      query(recorded.webRequests, '{{server}}'),
    ),
    series(
      'Statements',
      'ops',
      'By web host, and the member that answered.',
      query(recorded.statements, '{{instance}} → {{member}}'),
    ),
    series(
      'Time of statements',
      's',
      '95 % took at most so long, waits included.',
      query(recorded.statementSeconds, host),
    ),
    series(
      'Services that do not run',
      'short',
      'Nothing to see when all is well.',
      query('tandem_service_up == 0', '{{instance}} {{service}}'),
    ),
    series(
      'Hosts seen',
      'percentunit',
      'Below 1: a host is down or cut off.',
      query('tandem:hosts_seen:ratio', 'seen'),
    ),
  ],
};

const database: Dashboard = {
  name: 'tandem-database',
  title: 'Tandem: database',
  panels: [
    series('Epoch', 'short', 'Each step is a new primary.', query('max(tandem_database_epoch)', 'epoch')),
    series('Lag', 's', 'Seconds behind the primary.', query(recorded.lagSeconds, host)),
    series(
      'Sync standby',
      'bool',
      'One member acknowledges every commit.',
      query('tandem_database_sync_standby', host),
    ),
    series(
      'Errant transactions',
      'short',
      'Transactions that the primary does not have; saved ones too.',
      query('tandem_database_errant_transactions', `${host} present`),
      query('tandem_database_errant_files', `${host} saved`),
    ),
    series(
      'Connections',
      'short',
      'Against the limit of the server.',
      query('mysql_global_status_threads_connected', host),
      query('mysql_global_variables_max_connections', `${host} limit`),
    ),
    series(
      'Queries',
      'ops',
      'By member, replication left out.',
      query(`rate(mysql_global_status_queries[${window}])`, host),
    ),
    series(
      'Buffer pool misses',
      'percentunit',
      'Share of the pages read that were not in memory.',
      query(
        `rate(mysql_global_status_innodb_buffer_pool_reads[${window}]) / (rate(mysql_global_status_innodb_buffer_pool_read_requests[${window}]) > 0)`,
        host,
      ),
    ),
    series(
      'Where statements went, and why',
      'ops',
      "The SQL routers' reasons.",
      query(`sum by (slot, reason) (rate(tandem_router_routed_total[${window}]))`, '{{slot}}: {{reason}}'),
    ),
    series(
      'Statements that wait',
      'short',
      'For a connection, a position, or a primary.',
      query('tandem_router_waiting_statements', host),
      query('tandem_router_held_statements', `${host} for a primary`),
    ),
    series('Errors of statements', 'ops', 'By web host.', query(recorded.statementErrors, host)),
    series(
      'etcd: time of a write to disk',
      's',
      'Mean of fsync; failovers wait for it.',
      query(
        `rate(etcd_disk_wal_fsync_duration_seconds_sum[${window}]) / rate(etcd_disk_wal_fsync_duration_seconds_count[${window}])`,
        host,
      ),
    ),
    series(
      'etcd: space',
      'bytes',
      'Against its quota.',
      query('etcd_mvcc_db_total_size_in_bytes', host),
      query('etcd_server_quota_backend_bytes', `${host} quota`),
    ),
  ],
};

const hosts: Dashboard = {
  name: 'tandem-hosts',
  title: 'Tandem: hosts',
  panels: [
    series('Processors', 'percentunit', 'Share in use.', query(recorded.cpu, host)),
    series('Memory', 'percentunit', 'Share in use.', query(recorded.memory, host)),
    series(
      'Disks',
      'percentunit',
      'Share in use of the fullest one that Tandem writes to.',
      query(recorded.disk, host),
    ),
    series(
      'Network',
      'Bps',
      'In, and out below zero.',
      query(recorded.networkIn, `${host} in`),
      query(`-${recorded.networkOut}`, `${host} out`),
    ),
    series(
      'Waiting for processor, disk, memory',
      'percentunit',
      'Share of the time in which something waited (pressure).',
      query(`rate(node_pressure_cpu_waiting_seconds_total[${window}])`, `${host} processor`),
      query(`rate(node_pressure_io_waiting_seconds_total[${window}])`, `${host} disk`),
      query(`rate(node_pressure_memory_waiting_seconds_total[${window}])`, `${host} memory`),
    ),
    series(
      'Restarts',
      'short',
      'That nobody asked for, in an hour.',
      query('increase(tandem_service_restarts_total[1h]) > 0', '{{instance}} {{service}}'),
    ),
    series(
      'Certificates: days left',
      'short',
      'The nearest end of each host.',
      query('min by (instance) (tandem_certificate_not_after_seconds - time()) / 86400', host),
    ),
    series('Clocks', 's', 'How far apart.', query('tandem_clock_offset_seconds', '{{instance}} → {{host}}')),
    series(
      'HAProxy: connections',
      'short',
      'Against the limit.',
      query('haproxy_process_current_connections', host),
      query('haproxy_process_max_connections', `${host} limit`),
    ),
    series(
      'nginx: connections',
      'short',
      'Active ones, idle included.',
      query('nginx_connections_active', host),
    ),
    series(
      'Monitoring: memory',
      'bytes',
      'Of Prometheus and Alertmanager.',
      query('process_resident_memory_bytes{job=~"prometheus|alertmanager"}', '{{job}} on {{instance}}'),
    ),
    series(
      'Monitoring: series',
      'short',
      'In memory, by Prometheus.',
      query('prometheus_tsdb_head_series', host),
    ),
  ],
};

export const dashboards: readonly Dashboard[] = [overview, database, hosts];
