/** A server by itself, and its equal behind routers with a replica: what the two sides of every comparison are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { attach, caughtUp } from '#test/real/mariadb/replication.ts';
import { disposeServers, type MariadbServer, temporaryDirectory } from '#test/real/mariadb/server.ts';
import { RouterProcess } from '#test/real/router/process.ts';
import { memberOf, startMember } from '#test/real/router/stack.ts';
import type { Target } from './runners/protocol.ts';

const first = { user: 'app', password: 'app-secret' };
const second = { user: 'second', password: 'second-secret' };
/** The first account of a router is the one that it asks for positions by: counted apart from the corpus. */
const monitor = { user: 'monitor', password: 'monitor-secret' };

const options = [
  'userstat=ON',
  'max-connections=200',
  'innodb-buffer-pool-size=64M',
  'max-allowed-packet=64M',
  'innodb-flush-log-at-trx-commit=0',
  'sync-binlog=0',
  'event-scheduler=OFF',
  // A flag of the answer tells of what took longer: on a busy machine that is anything.
  'long-query-time=3600',
  // As long as wait_timeout by default.
  'interactive-timeout=7200',
];

/** Time for a replica to follow, and for the router to read the new definitions. */
const settleMs = 80;

export class Sides {
  readonly direct: Target;
  readonly routed: Target;
  readonly primary: MariadbServer;
  readonly replica: MariadbServer;
  readonly #routers: readonly RouterProcess[];

  private constructor(
    alone: MariadbServer,
    primary: MariadbServer,
    replica: MariadbServer,
    routers: readonly RouterProcess[],
  ) {
    this.primary = primary;
    this.replica = replica;
    this.#routers = routers;
    const common = { host: '127.0.0.1', first, second, settleMs: 0 };
    this.direct = {
      ...common,
      port: alone.port,
      sharedPort: alone.port,
      directory: temporaryDirectory('conformance'),
    };
    const [port = 0, sharedPort = 0] = routers.map(portOf);
    this.routed = { ...common, port, sharedPort, settleMs, directory: this.direct.directory };
  }

  static async start(): Promise<Sides> {
    const [alone, primary, replica] = await Promise.all([
      startMember('alone', 1, options),
      startMember('primary', 1, options),
      startMember('replica', 2, ['read-only=ON', ...options]),
    ]);
    for (const server of [alone, primary]) {
      await server.run(
        ...[first, second, monitor].flatMap(({ user, password }) => [
          `CREATE USER ${user}@'%' IDENTIFIED BY '${password}'`,
          `GRANT ALL ON conf.* TO ${user}@'%'`,
          `GRANT ALL ON conf_b.* TO ${user}@'%'`,
        ]),
      );
    }
    await attach(replica, primary);
    await caughtUp(replica, primary);
    const members = [memberOf(primary, 'db-1', 'primary'), memberOf(replica, 'db-2', 'replica')];
    const serverVersion = `5.5.5-${await primary.value('SELECT VERSION()')}`;
    const levels = ['session', 'global'] as const;
    const routers = await Promise.all(
      levels.map((consistency, index) =>
        RouterProcess.start(members, {
          number: index + 1,
          consistency,
          serverVersion,
          listen: { host: '127.0.0.1', port: 0 },
          accounts: [monitor, first, second],
        }),
      ),
    );
    // A first sample of the positions.
    await sleep(300);
    return new Sides(alone, primary, replica, routers);
  }

  /** SELECTs that the two members ran for the corpus, by their own counters. */
  async selects(): Promise<{ readonly primary: number; readonly replica: number }> {
    const count = async (server: MariadbServer) =>
      Number(
        await server.value(
          `SELECT SUM(SELECT_COMMANDS) FROM information_schema.USER_STATISTICS WHERE USER IN ('${first.user}', '${second.user}')`,
        ),
      );
    return { primary: await count(this.primary), replica: await count(this.replica) };
  }

  /** What the routers have printed. */
  get output(): string {
    return this.#routers.map(({ output }) => output).join('\n');
  }

  async close(): Promise<void> {
    for (const router of this.#routers) await router.kill();
    await disposeServers();
  }
}

function portOf(router: RouterProcess): number {
  return Number(/listening on port (\d+)/.exec(router.output)?.[1]);
}
