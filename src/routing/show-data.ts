/**
 * SHOW by kind: where each may run. What isn't here goes to the primary, as its result differs between members or
 * belongs to one of them. SHOW CREATE TABLE does (AUTO_INCREMENT counts attempts that were rolled back), SHOW INDEX and
 * SHOW TABLE STATUS do (estimates), SHOW EVENTS does (disabled on replicas).
 * @see https://mariadb.com/kb/en/show/
 */

/** Read from definitions that are the same everywhere. */
export const replicaShows: ReadonlySet<string> = new Set([
  'tables',
  'databases',
  'schemas',
  'columns',
  'fields',
  'triggers',
  'collation',
  'character',
  'charset',
]);

/** The same after SHOW CREATE. */
export const replicaShowCreates: ReadonlySet<string> = new Set([
  'database',
  'schema',
  'view',
  'procedure',
  'function',
  'trigger',
]);

/** About the statement before; also SHOW COUNT(*) WARNINGS. */
export const previousShows: ReadonlySet<string> = new Set(['warnings', 'errors', 'count']);
