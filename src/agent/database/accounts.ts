/**
 * The SQL that makes an empty server this stack's: accounts with the least grants, the application's schema, and the
 * bookkeeping schema. Run once, as root through the local socket, by the member that creates the database.
 */
import { quote, quoteName } from '#src/adapters/mariadb/dialect.ts';
import type { DatabasePasswords } from './passwords.ts';

export const agentAccount = 'tandem_agent';
export const replicationAccount = 'tandem_replication';

/**
 * Each for a reason: BINLOG … and REPLICATION … switch roles and follow; READ_ONLY ADMIN opens and closes the server;
 * CONNECTION ADMIN ends connections; PROCESS, RELOAD and LOCK TABLES are what mariadb-backup asks for.
 */
const agentGrants = [
  'BINLOG ADMIN',
  'BINLOG MONITOR',
  'BINLOG REPLAY',
  'CONNECTION ADMIN',
  'LOCK TABLES',
  'PROCESS',
  'READ_ONLY ADMIN',
  'RELOAD',
  'REPLICA MONITOR',
  'REPLICATION MASTER ADMIN',
  'REPLICATION SLAVE ADMIN',
];

export interface NewDatabase {
  readonly stackId: string;
  readonly schema: string;
  readonly applicationAccount: string;
  readonly passwords: DatabasePasswords;
  /** The user's SQL for a new schema. */
  readonly schemaSql: string | undefined;
}

/** Text for the `mariadb` program's standard input. */
export function newDatabaseSql(database: NewDatabase): string {
  const { passwords } = database;
  const agent = `${quoteName(agentAccount)}@localhost`;
  const replication = `${quoteName(replicationAccount)}@'%'`;
  const application = `${quoteName(database.applicationAccount)}@'%'`;
  const schema = quoteName(database.schema);
  return [
    // What mariadb-install-db made besides root (unix_socket): nobody else comes in.
    "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');",
    'FLUSH PRIVILEGES;',
    `CREATE USER ${agent} IDENTIFIED BY ${quote(passwords.agent)};`,
    `GRANT ${agentGrants.join(', ')} ON *.* TO ${agent};`,
    'CREATE DATABASE tandem;',
    `GRANT ALL PRIVILEGES ON tandem.* TO ${agent};`,
    'CREATE TABLE tandem.identity (one TINYINT PRIMARY KEY CHECK (one = 1), stack_id CHAR(32) NOT NULL,',
    '  epoch BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB;',
    `INSERT INTO tandem.identity VALUES (1, ${quote(database.stackId)}, 1);`,
    `CREATE USER ${replication} IDENTIFIED BY ${quote(passwords.replication)} REQUIRE SSL;`,
    `GRANT REPLICATION SLAVE ON *.* TO ${replication};`,
    `CREATE DATABASE ${schema} CHARACTER SET utf8mb4;`,
    `USE ${schema};`,
    ...(database.schemaSql === undefined ? [] : [database.schemaSql, 'DELIMITER ;', `USE ${schema};`]),
    // Last: with this account the database is open to its users.
    `CREATE USER ${application} IDENTIFIED BY ${quote(passwords.application)} REQUIRE SSL;`,
    `GRANT ALL PRIVILEGES ON ${schema}.* TO ${application};`,
    '',
  ].join('\n');
}
