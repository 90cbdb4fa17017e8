/** Rules on the application's and the database's own settings. */
import type { Issue } from '#src/std/errors.ts';
import { guardedMariadbSettings } from './guarded-mariadb-settings.ts';
import { connectionsPerWorker, keptConnections, maxRouters, routerSettings } from './router-settings.ts';
import type { Rule } from './rule.ts';
import { accountNamePattern } from './schema/database.ts';
import type { ParsedStack } from './schema.ts';
import { hostsWithRole, type Spec } from './spec.ts';
import { staticPath } from './static-path.ts';

export const appErrors: readonly Rule[] = [
  { reads: [], check: reservedEnvironment },
  { reads: ['web.static', 'web.app.directory'], check: staticOutside },
];

export const databaseErrors: readonly Rule[] = [
  { reads: ['hosts.*.roles', 'database.sync'], check: strictAlone },
  { reads: [], check: guardedSettings },
  { reads: [], check: reservedSchema },
  { reads: ['database.accounts', 'database.schema'], check: accountNames },
  { reads: ['hosts.*.roles', 'database.maxConnections', 'database.router'], check: routerConnections },
  { reads: ['hosts.*.roles', 'database.maxConnections', 'database.router'], check: routerWorkers },
  { reads: ['hosts.*.roles', 'database.router'], check: routerCount },
];

const ownEnvironment = new Set(['PORT', 'TANDEM_HOST', 'DATABASE_URL']);

function reservedEnvironment(parsed: ParsedStack): readonly Issue[] {
  return Object.keys(parsed.web.app.environment)
    .filter((name) => ownEnvironment.has(name))
    .map((name) => ({
      path: `web.app.environment.${name}`,
      message: 'is given to the application by Tandem',
      hint: 'Remove it.',
    }));
}

function staticOutside(parsed: ParsedStack): readonly Issue[] {
  const { web } = parsed;
  if (web.static === undefined || staticPath(parsed) !== undefined) return [];
  return [
    {
      path: 'web.static',
      message: `${web.static} does not lie in web.app.directory (${web.app.directory}): a release is one directory`,
      hint: `Move it there, such as ${web.app.directory.replace(/\/+$/, '')}/public, and write both paths in the same way.`,
    },
  ];
}

function strictAlone(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const [only, ...rest] = hostsWithRole(spec, 'database');
  if (spec.database.sync !== 'strict' || only === undefined || rest.length > 0) return [];
  return [
    {
      path: 'database.sync',
      message: `strict acknowledges no write without a replica, and ${only.name} is the only database host`,
      hint: "Give a second host the role 'database', or write: sync: required.",
    },
  ];
}

/** All routers together must fit what a member takes, or statements would get 1040 from the server, not wait for a turn. */
function routerConnections(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const routers = hostsWithRole(spec, 'web').length;
  const { maxConnections, router } = spec.database;
  if (routers === 0) return [];
  const each = routerSettings(spec).maxConnectionsPerMember;
  const needed = routers * Math.max(1, each) + keptConnections;
  if (needed <= maxConnections) return [];
  const kept = `${keptConnections} are kept for the agents and operators`;
  if (router.maxConnectionsPerMember !== undefined) {
    const most = Math.floor((maxConnections - keptConnections) / routers);
    return [
      {
        path: 'database.router.maxConnectionsPerMember',
        message: `${each} from each of ${routers} web hosts are more than database.maxConnections (${maxConnections}) leaves them`,
        hint: `${kept}: write ${most < 1 ? '' : `at most ${most}, or `}database.maxConnections: ${needed}.`,
      },
    ];
  }
  return [
    {
      path: 'database.maxConnections',
      message: `${maxConnections} leave no connection for the SQL routers of ${routers} web hosts`,
      hint: `${kept}: write at least ${needed}.`,
    },
  ];
}

/** Their numbers are part of connection ids. */
function routerCount(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const count = hostsWithRole(spec, 'web').length;
  if (count <= maxRouters) return [];
  return [
    {
      path: 'database.router',
      message: `${count} web hosts are more than have an SQL router each: ${maxRouters}`,
      hint: 'Take the role web from some hosts.',
    },
  ];
}

/** Each worker asks the members questions of its own, and needs a connection for its clients beside that. */
function routerWorkers(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const settings = routerSettings(spec);
  const workers = settings.workers ?? 1;
  const needed = workers * connectionsPerWorker;
  if (workers === 1 || settings.maxConnectionsPerMember >= needed) return [];
  return [
    {
      path: 'database.router.workers',
      message: `${workers} workers need ${needed} connections to each database host, and the router may have ${settings.maxConnectionsPerMember}`,
      hint: 'Write fewer workers, or more database.router.maxConnectionsPerMember (and database.maxConnections).',
    },
  ];
}

/** Server variables that have a key of their own in the stack file. */
const ownKeys: Readonly<Record<string, string>> = {
  innodb_buffer_pool_size: 'database.bufferPoolBytes',
  max_connections: 'database.maxConnections',
  binlog_expire_logs_seconds: 'database.binlogExpireSeconds',
  expire_logs_days: 'database.binlogExpireSeconds',
};

/** Variables that come in families: replication filters and positions, semi-sync, TLS, and what recovery relies on. */
const guardedFamilies =
  /^(?:binlog_(?:do|ignore)_db|gtid_|innodb_(?:doublewrite|force_recovery|read_only|data_home_dir|log_group_home_dir)|log_bin|relay_log|replicate_|rpl_semi_sync_|slave_(?:skip_errors|exec_mode)|ssl|wsrep_|grant_tables|networking)/;

/** SQL modes by which the bytes of a statement mean something else, or may: a number stands for any of them. */
const otherReading =
  /(?:^|[\s,])(ansi|ansi_quotes|no_backslash_escapes|oracle|mssql|db2|maxdb|postgresql|[1-9]\d*)(?=$|[\s,])/i;

/** A session that sets such a mode itself is followed. */
function otherMode(path: string, value: string): readonly Issue[] {
  const mode = otherReading.exec(value)?.[1];
  if (mode === undefined) return [];
  return [
    {
      path,
      message: `has ${mode}: the SQL routers read the statements of a new session without it, and MariaDB would not`,
      hint: 'Leave it out here; an application that needs it sets it in its sessions (SET sql_mode = …).',
    },
  ];
}

function guardedSettings(parsed: ParsedStack): readonly Issue[] {
  return Object.entries(parsed.database.settings).flatMap(([name, value]) => {
    const path = `database.settings.${name}`;
    // Option files take prefixes (skip_log_bin, loose_read_only) and any unambiguous beginning of a name.
    const plain = name.replace(/^(?:loose_|skip_|disable_|enable_|maximum_|autoset_)+/, '');
    const own = ownKeys[plain];
    if (own !== undefined) return [{ path, message: 'has a key of its own', hint: `Write ${own} instead.` }];
    if (plain.startsWith('sql_m') && 'sql_mode'.startsWith(plain)) return otherMode(path, String(value));
    const guarded = [...guardedMariadbSettings].find(
      (candidate) => candidate === name || candidate.startsWith(plain),
    );
    if (guarded === undefined && !guardedFamilies.test(plain)) return [];
    const meant = guarded === undefined || guarded === name ? '' : ` (it is ${guarded})`;
    return [
      {
        path,
        message: `is set by Tandem${meant}: its guarantees on acknowledged writes rest on it`,
        hint: 'Remove it.',
      },
    ];
  });
}

const reservedAccounts = /^(?:root|mysql|public|mariadb.*|tandem_.*)$/i;
/** Each is asked for what it may see, whenever definitions have changed. */
const maxAccounts = 50;

function accountNames(parsed: ParsedStack): readonly Issue[] {
  const { accounts, schema } = parsed.database;
  const names = Object.keys(accounts);
  const tooMany =
    names.length > maxAccounts
      ? [{ path: 'database.accounts', message: `are ${names.length}, and may be ${maxAccounts}` }]
      : [];
  return [...tooMany, ...names.flatMap((name) => accountName(name, schema))];
}

function accountName(name: string, schema: string): readonly Issue[] {
  const path = `database.accounts.${name}`;
  const hint = 'Choose another name.';
  if (!accountNamePattern.test(name)) {
    return [
      { path, message: 'should be 1 to 64 letters, digits and underscores, starting with a letter', hint },
    ];
  }
  if (name === schema) {
    return [{ path, message: 'is the account of the application: it is named like database.schema', hint }];
  }
  if (!reservedAccounts.test(name)) return [];
  return [{ path, message: 'is the name of an account that MariaDB or Tandem keeps for itself', hint }];
}

const ownSchemas = new Set([
  'mysql',
  'sys',
  'information_schema',
  'performance_schema',
  'tandem',
  'test',
  'prometheus',
]);

function reservedSchema(parsed: ParsedStack): readonly Issue[] {
  const { schema } = parsed.database;
  if (!ownSchemas.has(schema.toLowerCase()) && !/^(?:tandem_|mariadb)/i.test(schema) && schema !== 'root')
    return [];
  return [
    {
      path: 'database.schema',
      message: `'${schema}' is the name of a schema or account that MariaDB or Tandem keeps for itself`,
      hint: 'Choose another name, such as app.',
    },
  ];
}
