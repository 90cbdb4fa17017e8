/**
 * Which series of a job are kept: what a dashboard or an alert asks for. The rest, most of what exporters tell, would be
 * paid for in memory and on disk for nothing. Patterns of whole names (RE2).
 */
const process = ['process_cpu_seconds_total', 'process_resident_memory_bytes'];

export const keptSeries = {
  prometheus: [
    ...process,
    'prometheus_config_last_reload_successful',
    'prometheus_notifications_alertmanagers_discovered',
    'prometheus_notifications_dropped_total',
    'prometheus_rule_evaluation_failures_total',
    'prometheus_tsdb_head_samples_appended_total',
    'prometheus_tsdb_head_series',
    'prometheus_tsdb_storage_blocks_bytes',
  ],
  alertmanager: [
    ...process,
    'alertmanager_alerts',
    'alertmanager_cluster_members',
    'alertmanager_config_last_reload_successful',
    'alertmanager_notifications_(failed_)?total',
  ],
  node: [
    'node_boot_time_seconds',
    'node_cpu_seconds_total',
    'node_disk_(io_time_seconds|read_bytes|written_bytes)_total',
    'node_filefd_(allocated|maximum)',
    'node_load(1|5)',
    'node_memory_(MemAvailable|MemTotal|SwapFree|SwapTotal)_bytes',
    'node_network_(receive|transmit)_(bytes|drop|errs)_total',
    'node_pressure_(cpu|io|memory)_waiting_seconds_total',
    'node_vmstat_oom_kill',
  ],
  haproxy: [
    'haproxy_process_(current_connections|max_connections|current_ssl_rate|idle_time_percent|start_time_seconds)',
    'haproxy_frontend_(bytes_(in|out)_total|current_sessions|http_requests_total|http_responses_total|limit_sessions)',
    'haproxy_backend_(active_servers|connection_errors_total|current_queue|redispatch_warnings_total|response_errors_total|retry_warnings_total|status)',
    'haproxy_backend_http_responses_total',
    'haproxy_server_(current_sessions|downtime_seconds_total|http_responses_total|status|weight)',
    'haproxy_server_(queue|connect|response|total)_time_average_seconds',
  ],
  etcd: [
    ...process,
    'etcd_disk_(backend_commit|wal_fsync)_duration_seconds_(sum|count)',
    'etcd_mvcc_db_total_size_in_bytes',
    'etcd_server_(has_leader|is_leader|leader_changes_seen_total|proposals_failed_total|quota_backend_bytes)',
  ],
  mysqld: [
    'mysql_up',
    'mysql_global_status_(aborted_clients|aborted_connects|bytes_received|bytes_sent|connections|queries|slow_queries|threads_connected|threads_running|uptime)',
    'mysql_global_status_(buffer_pool_pages|innodb_buffer_pool_(read_requests|reads|bytes_data)|innodb_row_lock_(time|waits)|innodb_row_ops_total)',
    'mysql_global_variables_(innodb_buffer_pool_size|max_connections)',
  ],
  agent: ['tandem_.*', ...process],
  router: ['tandem_router_.*'],
  nginx: ['nginx_.*'],
} as const;

export type Job = keyof typeof keptSeries;
