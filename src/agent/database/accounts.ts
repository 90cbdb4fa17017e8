/**
 * The SQL that makes an empty server this stack's: accounts with the least grants, the application's schema, and the
 * bookkeeping schema. Run once, as root through the local socket, by the member that creates the database.
 */
import { quote, quoteName } from '#src/adapters/mariadb/dialect.ts';
import { exporterAccount } from '#src/topology/monitoring.ts';
import type { DatabasePasswords } from './passwords.ts';

export const agentAccount = 'tandem_agent';

/** Keeps the accounts of the stack file (accounts-keep.ts). */
export const keeperAccount = 'tandem_accounts';

const replicationPrefix = 'tandem_replication_';

/** For LIKE: every member's account. */
export const replicationAccountPattern = `${replicationPrefix.replaceAll('_', '\\_')}%`;

/** Each member replicates by an account of its own, so that a source can lock one out, and knows who is connected. */
export function replicationAccount(member: string): string {
  return `${replicationPrefix}${member}`;
}

export function memberOfReplicationAccount(account: string): string {
  return account.slice(replicationPrefix.length);
}

/**
 * Each for a reason: BINLOG … and REPLICATION … switch roles and follow; READ_ONLY ADMIN opens and closes the server,
 * SUPER the event scheduler; CONNECTION ADMIN ends connections; CREATE USER locks a member out; PROCESS, RELOAD and LOCK
 * TABLES are what mariadb-backup asks for. The account works through the local socket only.
 */
const agentGrants = [
  'BINLOG ADMIN',
  'BINLOG MONITOR',
  'BINLOG REPLAY',
  'CONNECTION ADMIN',
  'CREATE USER',
  'LOCK TABLES',
  'PROCESS',
  'READ_ONLY ADMIN',
  'RELOAD',
  'REPLICA MONITOR',
  'REPLICATION MASTER ADMIN',
  'REPLICATION SLAVE ADMIN',
  'SUPER',
];

export interface NewDatabase {
  readonly stackId: string;
  /** Names of all members. */
  readonly members: readonly string[];
  /** The first epoch and who leads it. */
  readonly epoch: number;
  readonly holder: string;
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
    `GRANT SELECT ON mysql.global_priv TO ${agent};`,
    // One row per epoch: it carries the epoch to all members by replication, and says whose data this is.
    'CREATE TABLE tandem.epoch (epoch BIGINT UNSIGNED PRIMARY KEY, stack_id VARCHAR(64) NOT NULL,',
    '  holder VARCHAR(255) NOT NULL, begun TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB;',
    'CREATE TABLE tandem.barrier (holder VARCHAR(255) PRIMARY KEY, written BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB;',
    `INSERT INTO tandem.epoch (epoch, stack_id, holder) VALUES (${database.epoch}, ${quote(database.stackId)}, ${quote(database.holder)});`,
    ...keeperSql(database.schema, passwords.agent),
    ...database.members
      .flatMap((member) => replicationAccountSql(member, passwords.replication))
      .map((statement) => `${statement};`),
    exporterAccountSql,
    `CREATE DATABASE ${schema} CHARACTER SET utf8mb4;`,
    `USE ${schema};`,
    ...(database.schemaSql === undefined ? [] : [database.schemaSql, 'DELIMITER ;', `USE ${schema};`]),
    // Last: with this account the database is open to its users.
    `CREATE USER ${application} IDENTIFIED BY ${quote(passwords.application)} REQUIRE SSL;`,
    `GRANT ALL PRIVILEGES ON ${schema}.* TO ${application};`,
    '',
  ].join('\n');
}

/**
 * Makes the keeper of accounts; repeating it changes nothing. It can give what it has, and no more; without READ_ONLY
 * ADMIN, so that a server which is no longer the primary refuses it.
 */
export function keeperSql(schema: string, password: string): readonly string[] {
  const keeper = `${quoteName(keeperAccount)}@localhost`;
  return [
    'CREATE TABLE IF NOT EXISTS tandem.account (name VARCHAR(80) PRIMARY KEY, privileges VARCHAR(16) NOT NULL) ENGINE=InnoDB;',
    `CREATE USER IF NOT EXISTS ${keeper} IDENTIFIED BY ${quote(password)};`,
    // Only a primary is asked for it: a read-only server refuses the keeper.
    `GRANT CREATE USER, REPLICATION SLAVE ON *.* TO ${keeper} WITH GRANT OPTION;`,
    `GRANT ALL PRIVILEGES ON ${quoteName(schema)}.* TO ${keeper} WITH GRANT OPTION;`,
    `GRANT SELECT ON mysql.global_priv TO ${keeper};`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON tandem.account TO ${keeper};`,
  ];
}
/** Without a password: by the unix user behind a local socket. It sees counters and settings, and no data. */
export const exporterAccountSql = `CREATE USER IF NOT EXISTS ${exporterAccount}@localhost IDENTIFIED VIA unix_socket WITH MAX_USER_CONNECTIONS 3;`;

/** Makes a member's replication account; repeating it changes nothing. */
export function replicationAccountSql(member: string, password: string): readonly string[] {
  const account = `${quoteName(replicationAccount(member))}@'%'`;
  return [
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY ${quote(password)} REQUIRE SSL`,
    `GRANT REPLICATION SLAVE ON *.* TO ${account}`,
  ];
}
