/** A primary, a replica and a router in front of them, for tests. */
import { join } from 'node:path';
import { type RouterConfig, routerDefaults } from '#src/router/config.ts';
import { Router, type RouterOptions } from '#src/router/router.ts';
import { type Member, StaticTopology } from '#src/router/topology/topology.ts';
import { attach, caughtUp } from '../mariadb/replication.ts';
import { MariadbServer, temporaryDirectory } from '../mariadb/server.ts';

export const account = { user: 'app', password: 'app-secret' };

/** What Tandem's configuration gives every member. */
const trackingOptions = [
  'session-track-system-variables=autocommit,character_set_client,character_set_connection,character_set_results,sql_mode,time_zone,last_gtid',
  'character-set-server=utf8mb4',
  'local-infile=ON',
];

export interface RouterStack {
  readonly primary: MariadbServer;
  readonly replica: MariadbServer | undefined;
  readonly topology: StaticTopology;
  readonly router: Router;
  readonly socketPath: string;
  readonly port: number;
}

export function memberOf(
  server: MariadbServer,
  name: string,
  role: Member['role'],
  change: Partial<Member> = {},
): Member {
  const address = { host: '127.0.0.1', port: server.port };
  return {
    name,
    address,
    role,
    historyEpoch: 1,
    lagSeconds: 0,
    appliedPosition: undefined,
    ok: true,
    ...change,
  };
}

export interface StackOptions {
  readonly replicas?: 0 | 1;
  readonly config?: Partial<RouterConfig>;
  readonly newRoutes?: RouterOptions['newRoutes'];
  readonly serverOptions?: readonly string[];
  /** The account's CREATE USER, where it isn't the usual one. */
  readonly createUser?: string;
}

export async function startMember(
  name: string,
  id: number,
  options: readonly string[] = [],
): Promise<MariadbServer> {
  const server = await MariadbServer.create(name, [`server-id=${id}`, ...trackingOptions, ...options]);
  return server.start();
}

/** A primary with the account, and its replica. */
export async function startServers(
  options: Pick<StackOptions, 'replicas' | 'serverOptions' | 'createUser'>,
): Promise<Pick<RouterStack, 'primary' | 'replica'>> {
  const primary = await startMember('primary', 1, options.serverOptions);
  await primary.run(
    options.createUser ?? `CREATE USER ${account.user}@'%' IDENTIFIED BY '${account.password}'`,
    `GRANT ALL ON test.* TO ${account.user}@'%'`,
    'CREATE DATABASE other',
    `GRANT ALL ON other.* TO ${account.user}@'%'`,
  );
  let replica: MariadbServer | undefined;
  if (options.replicas !== 0) {
    replica = await startMember('replica', 2, ['read-only=ON', ...(options.serverOptions ?? [])]);
    await attach(replica, primary);
    await caughtUp(replica, primary);
  }
  return { primary, replica };
}

export async function startStack(options: StackOptions = {}): Promise<RouterStack> {
  const { primary, replica } = await startServers(options);
  const primaryMember = memberOf(primary, 'db-1', 'primary');
  const members =
    replica === undefined ? [primaryMember] : [primaryMember, memberOf(replica, 'db-2', 'replica')];
  const topology = new StaticTopology({ primary: primaryMember, epoch: 1, members });
  const socketPath = join(temporaryDirectory('router'), 'socket');
  const config: RouterConfig = {
    ...routerDefaults,
    number: 1,
    listen: { socketPath, host: '127.0.0.1', port: 0 },
    accounts: [account],
    serverTls: undefined,
    connectTimeoutMs: 1_000,
    ...options.config,
  };
  const router = new Router({
    config,
    topology,
    log: { info: () => undefined, warn: () => undefined },
    ...(options.newRoutes === undefined ? {} : { newRoutes: options.newRoutes }),
  });
  const { port } = await router.listen();
  if (port === undefined) throw new Error('the router has no port');
  return { primary, replica, topology, router, socketPath, port };
}
