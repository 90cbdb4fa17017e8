/**
 * MariaDB 10.11. What the guarantees on acknowledged writes rest on is fixed here (src/spec/guarded-mariadb-settings.ts
 * refuses it in a stack file); role, semi-sync and read_only are the agent's, at run time. What a running server takes
 * (settings, certificates) is a reload, which no session notices.
 */
import type { Spec } from '#src/spec/spec.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { memberServerId } from '#src/topology/server-id.ts';
import type { KeyPair, RenderContext } from './context.ts';
import { configPath, lines, publicFile, tlsFiles } from './files.ts';
import { dynamicSettings, type SettingValue, settingSql, settingText } from './mariadb-settings.ts';
import type { Service } from './service.ts';

const component = 'mariadb';
const runDirectory = `${hostPaths.run}/mariadb`;
const dynamicFile = configPath(component, 'dynamic.cnf');
const dynamicSql = configPath(component, 'dynamic.sql');
const temporaryDirectory = `${hostPaths.data}/mariadb/tmp`;

export const mariadbPaths = {
  configuration: configPath(component, 'my.cnf'),
  dataDirectory: `${hostPaths.data}/mariadb/data`,
  runDirectory,
  socket: `${runDirectory}/mariadb.sock`,
  /** Options that the agent writes before each start: role at recovery, server id. */
  roleDirectory: `${runDirectory}/conf.d`,
  roleFile: `${runDirectory}/conf.d/role.cnf`,
} as const;

export function mariadbService(context: RenderContext): Service {
  const { material, host } = context;
  const tls = tlsFiles(
    component,
    { ca: material.ca, ...(material.hosts[host.name] as KeyPair) },
    'reload',
    'mysql',
  );
  return {
    name: 'mariadb',
    description: 'Database server',
    kind: 'daemon',
    command: ['/usr/sbin/mariadbd', `--defaults-file=${mariadbPaths.configuration}`],
    user: 'mysql',
    environment: {},
    directories: [
      { path: `${hostPaths.data}/mariadb`, mode: 0o750, owner: 'mysql' },
      { path: temporaryDirectory, mode: 0o700, owner: 'mysql' },
      { path: runDirectory, mode: 0o755, owner: 'mysql' },
      { path: mariadbPaths.roleDirectory, mode: 0o755, owner: 'mysql' },
    ],
    files: [
      publicFile(mariadbPaths.configuration, mariadbConfiguration(context, tls), 'restart'),
      publicFile(dynamicFile, dynamicConfiguration(context.spec), 'reload'),
      publicFile(dynamicSql, dynamicStatements(context.spec), 'reload'),
      ...tls.files,
    ],
    beforeStart: [['/bin/sh', '-c', noteSettings]],
    reload: { kind: 'command', command: ['/bin/sh', '-c', reloadScript] },
    validate: ['/usr/sbin/mariadbd', `--defaults-file=${mariadbPaths.configuration}`, '--help', '--verbose'],
    readiness: { kind: 'socket', path: mariadbPaths.socket },
    startTimeoutMs: 120_000,
    stop: { signal: 'SIGTERM', timeoutMs: 60_000 },
    restart: { baseDelayMs: 100, maxDelayMs: 5_000, crashLoopCount: 5, windowMs: 60_000 },
    after: ['firewall'],
    startedBy: 'agent',
    openFiles: 65_536,
    packages: ['mariadb-server', 'mariadb-backup'],
  };
}

function mariadbConfiguration(
  { spec, host }: RenderContext,
  tls: { readonly ca: string; readonly certificate: string; readonly key: string },
): string {
  const { database } = spec;
  const fixed = Object.entries(database.settings).filter(([name]) => !dynamicSettings.has(name));
  return lines(
    '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
    '[mariadbd]',
    `datadir = ${mariadbPaths.dataDirectory}`,
    `socket = ${mariadbPaths.socket}`,
    `pid_file = ${runDirectory}/mariadb.pid`,
    // Of its own: a server that starts removes what looks like its temporary files, others' too.
    `tmpdir = ${temporaryDirectory}`,
    `bind_address = ${host.address}`,
    `port = ${ports.mariadb}`,
    'skip_name_resolve = ON',
    '',
    '# The agent opens the server to writes, and starts replication.',
    'read_only = ON',
    'skip_slave_start = ON',
    'event_scheduler = OFF',
    '',
    '# Durable: what was acknowledged is on disk.',
    'innodb_flush_log_at_trx_commit = 1',
    'sync_binlog = 1',
    'sync_relay_log = 1',
    'sync_master_info = 1',
    // A table of another engine could neither be rolled back nor cut off in recovery.
    'default_storage_engine = InnoDB',
    'enforce_storage_engine = InnoDB',
    '',
    '# Replication by GTID, rows only.',
    `server_id = ${memberServerId(host.address)}`,
    `report_host = ${host.name}`,
    'log_bin = binlog',
    'relay_log = relay',
    'log_slave_updates = ON',
    'binlog_format = ROW',
    'gtid_strict_mode = ON',
    'gtid_domain_id = 0',
    'slave_net_timeout = 5',
    // What committed together on the primary is applied side by side; otherwise a replica falls behind a busy primary,
    // and a promotion would have to wait for it.
    'slave_parallel_threads = 4',
    'slave_parallel_mode = conservative',
    'relay_log_recovery = OFF',
    'rpl_semi_sync_master_wait_point = AFTER_SYNC',
    // Never: a source that stops waiting acknowledges what nobody else has.
    'rpl_semi_sync_master_timeout = 9223372036854775807',
    'rpl_semi_sync_master_wait_no_slave = ON',
    // Stopping the IO thread asks the source to end the stream: not for longer than this, in seconds.
    'rpl_semi_sync_slave_kill_conn_timeout = 1',
    // The agent purges, because it knows what a member still needs.
    'binlog_expire_logs_seconds = 0',
    'master_verify_checksum = ON',
    'max_binlog_size = 128M',
    '',
    "# The router and the application learn a write's position from its answer.",
    'session_track_system_variables = autocommit,character_set_client,character_set_connection,character_set_results,sql_mode,time_zone,last_gtid',
    '',
    '# TLS for everybody who comes over the network.',
    'require_secure_transport = ON',
    'tls_version = TLSv1.2,TLSv1.3',
    `ssl_ca = ${tls.ca}`,
    `ssl_cert = ${tls.certificate}`,
    `ssl_key = ${tls.key}`,
    '',
    '# Memory.',
    `innodb_buffer_pool_size = ${database.bufferPoolBytes}`,
    'innodb_log_buffer_size = 8M',
    'innodb_log_file_size = 48M',
    'key_buffer_size = 1M',
    'aria_pagecache_buffer_size = 4M',
    'performance_schema = OFF',
    'query_cache_type = OFF',
    'query_cache_size = 0',
    'table_open_cache = 400',
    'character_set_server = utf8mb4',
    'collation_server = utf8mb4_general_ci',
    fixed.length > 0 && [
      '',
      '# database.settings of the stack file.',
      ...fixed.map(([name, value]) => `${name} = ${settingText(value)}`),
    ],
    '',
    '# What the running server takes.',
    `!include ${dynamicFile}`,
    `!includedir ${mariadbPaths.roleDirectory}`,
  );
}

/** Settings that need no restart, by name. */
function dynamicOf({ database }: Spec): readonly (readonly [string, SettingValue])[] {
  const own = Object.entries(database.settings).filter(([name]) => dynamicSettings.has(name));
  return [['max_connections', database.maxConnections], ...own];
}

function dynamicConfiguration(spec: Spec): string {
  return lines(
    '[mariadbd]',
    dynamicOf(spec).map(([name, value]) => `${name} = ${settingText(value)}`),
  );
}

function dynamicStatements(spec: Spec): string {
  return lines(dynamicOf(spec).map(([name, value]) => `SET GLOBAL ${name} = ${settingSql(value)};`));
}

/** Names of the settings that the running server was given, one a line: what is no longer set has its default again. */
const appliedFile = `${runDirectory}/settings.applied`;
const noteSettings = `sed -n 's/^SET GLOBAL \\([a-z0-9_]*\\) = .*/\\1/p' ${dynamicSql} >${appliedFile}`;

/** On this member alone: nothing of it goes into the binlog, where it would be a write of a replica's own. */
const reloadScript = [
  'set -e',
  `gone=$(for name in $(cat ${appliedFile}); do grep -q "^SET GLOBAL $name = " ${dynamicSql} || echo "SET GLOBAL $name = DEFAULT;"; done)`,
  `{ echo "$gone"; cat ${dynamicSql}; echo "FLUSH NO_WRITE_TO_BINLOG SSL;"; } | mariadb --no-defaults --socket=${mariadbPaths.socket}`,
  noteSettings,
].join('; ');
