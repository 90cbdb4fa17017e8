/**
 * Server variables of the stack file (`database.settings`): which of them a running MariaDB takes (SET GLOBAL), and how they are
 * written in an option file and in SQL.
 */

/**
 * Of MariaDB 10.11 (information_schema.SYSTEM_VARIABLES: scope GLOBAL, not read-only), those that take effect at once for
 * everybody. Not here, and so a restart: what sessions copy when they begin, and what replication must be stopped for.
 */
export const dynamicSettings: ReadonlySet<string> = new Set(
  `binlog_cache_size binlog_commit_wait_count binlog_commit_wait_usec binlog_stmt_cache_size concurrent_insert
  connect_timeout general_log general_log_file innodb_adaptive_flushing innodb_adaptive_flushing_lwm
  innodb_adaptive_hash_index innodb_autoextend_increment innodb_buffer_pool_dump_at_shutdown
  innodb_buffer_pool_dump_pct innodb_cmp_per_index_enabled innodb_compression_level innodb_deadlock_detect
  innodb_default_row_format innodb_fast_shutdown innodb_file_per_table innodb_fill_factor innodb_flush_neighbors
  innodb_flush_sync innodb_flushing_avg_loops innodb_io_capacity innodb_io_capacity_max innodb_lru_flush_size
  innodb_lru_scan_depth innodb_max_dirty_pages_pct innodb_max_dirty_pages_pct_lwm innodb_max_purge_lag
  innodb_max_purge_lag_delay innodb_max_undo_log_size innodb_old_blocks_pct innodb_old_blocks_time
  innodb_online_alter_log_max_size innodb_print_all_deadlocks innodb_purge_batch_size
  innodb_purge_rseg_truncate_frequency innodb_random_read_ahead innodb_read_ahead_threshold
  innodb_stats_auto_recalc innodb_stats_persistent innodb_stats_persistent_sample_pages
  innodb_stats_transient_sample_pages innodb_status_output innodb_status_output_locks innodb_undo_log_truncate
  key_buffer_size log_output max_binlog_cache_size max_binlog_stmt_cache_size max_connect_errors
  max_prepared_stmt_count max_write_lock_count slow_launch_time slow_query_log_file stored_program_cache
  table_definition_cache table_open_cache tcp_keepalive_interval tcp_keepalive_probes tcp_keepalive_time
  thread_cache_size thread_pool_idle_timeout thread_pool_max_threads thread_pool_size thread_pool_stall_limit
  userstat`.split(/\s+/),
);

export type SettingValue = string | number | boolean;

/** As option files read it: quoted where a #, a blank or a quote would change its meaning. */
export function settingText(value: SettingValue): string {
  if (typeof value === 'boolean') return value ? 'ON' : 'OFF';
  const text = String(value);
  return /^[\w.,:+/@-]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\')}"`;
}

const multiples: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5, e: 6 };

/** As SET takes it: no quoted numbers, and no multiples (64M), which only option files know. */
export function settingSql(value: SettingValue): string {
  if (typeof value === 'boolean') return value ? 'ON' : 'OFF';
  const text = String(value);
  if (/^[+-]?\d+(?:\.\d+)?$/.test(text)) return text;
  const [, digits, unit] = /^(\d+)([kmgtpe])$/i.exec(text) ?? [];
  if (digits !== undefined && unit !== undefined)
    return String(BigInt(digits) * 1_024n ** BigInt(multiples[unit.toLowerCase()] ?? 0));
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
