/**
 * Session variables that can't simply be repeated on another connection.
 * @see https://mariadb.com/kb/en/server-system-variables/
 */
import type { PinKind } from './effect.ts';

/**
 * Bound to one connection: setting them keeps the session there. `sql_auto_is_null` gives `id IS NULL` the meaning of
 * LAST_INSERT_ID(); the `gtid_`, `server_id` and `sql_log_bin` kind decides what is written to the binary log; the
 * `rand_seed` and `insert_id` kind is used up by the next statement; what `profiling` and `optimizer_trace` collect of
 * the statements is read where they ran.
 */
export const boundVariables: ReadonlyMap<string, PinKind> = new Map(
  [
    ...['insert_id', 'rand_seed1', 'rand_seed2', 'pseudo_thread_id', 'pseudo_slave_mode', 'server_id'],
    ...['sql_log_bin', 'sql_log_off', 'gtid_domain_id', 'gtid_seq_no', 'skip_replication', 'binlog_format'],
    ...[
      'binlog_row_image',
      'skip_parallel_replication',
      'sql_auto_is_null',
      'profiling',
      'debug',
      'debug_dbug',
    ],
    ...['debug_sync', 'default_master_connection', 'completion_type', 'wsrep_on', 'gtid_slave_pos'],
    ...['system_versioning_asof', 'optimizer_trace'],
  ].map((name) => [name, 'variable'] as const),
);

/** Settings whose variables are all set by a later one of another key. */
export const alsoSets: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'names',
    ['character_set_client', 'character_set_connection', 'character_set_results', 'collation_connection'],
  ],
]);

/** Names for the same variable; the first is what is kept. */
export const sameVariable: ReadonlyMap<string, string> = new Map([
  ['transaction_isolation', 'tx_isolation'],
  ['transaction_read_only', 'tx_read_only'],
  ['identity', 'last_insert_id'],
]);

/**
 * Variables that SET STATEMENT may set for a read on a replica: limits and the optimizer, which change neither the
 * grammar nor the result's meaning beyond what the statement itself says.
 */
export const statementVariables: ReadonlySet<string> = new Set([
  ...[
    'max_statement_time',
    'lock_wait_timeout',
    'group_concat_max_len',
    'sql_select_limit',
    'sort_buffer_size',
  ],
  ...[
    'join_buffer_size',
    'join_cache_level',
    'tmp_table_size',
    'max_heap_table_size',
    'tmp_memory_table_size',
  ],
  ...['optimizer_switch', 'optimizer_search_depth', 'optimizer_prune_level', 'use_stat_tables'],
  ...[
    'optimizer_use_condition_selectivity',
    'eq_range_index_dive_limit',
    'max_sort_length',
    'mrr_buffer_size',
  ],
  ...[
    'read_buffer_size',
    'read_rnd_buffer_size',
    'max_length_for_sort_data',
    'sql_big_selects',
    'max_join_size',
  ],
  ...['in_predicate_conversion_threshold', 'rowid_merge_buff_size', 'long_query_time'],
]);
