/**
 * What MariaDB calls things. Everything above this file speaks of source, replica and received position; MySQL 8 will be
 * a second file of this shape.
 */

export const mariadbDialect = {
  semiSync: {
    sourceEnabled: 'rpl_semi_sync_master_enabled',
    replicaEnabled: 'rpl_semi_sync_slave_enabled',
    sourceWaiting: 'Rpl_semi_sync_master_wait_sessions',
    /** Status: commits acknowledged since the start. */
    sourceConfirmed: 'Rpl_semi_sync_master_yes_tx',
    replicaActive: 'Rpl_semi_sync_slave_status',
  },
  gtid: {
    /** Everything in this server's binary log; includes what no replica acknowledged yet. */
    binlog: 'gtid_binlog_pos',
    /** What the replica's SQL thread applied last. */
    applied: 'gtid_slave_pos',
  },
} as const;

/** A string literal; for statements that take no placeholders (CHANGE MASTER). */
export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** An identifier. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
