/** A primary, a replica of it, and routers in front of both, each a process of its own: what proofs of routing need. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mysql, { type Connection } from 'mysql2/promise';
import type { Member } from '#src/router/topology/topology.ts';
import { attach, caughtUp, changeMaster, ioRunning } from '#test/real/mariadb/replication.ts';
import { disposeServers, type MariadbServer, temporaryDirectory } from '#test/real/mariadb/server.ts';
import { waitFor } from '#test/real/mariadb/wait.ts';
import { memberOf, startMember } from '#test/real/router/stack.ts';
import { type DelayedForwarder, delayedForwardTo } from './delayed-forwarder.ts';

export const account = { user: 'app', password: 'app-secret' };
/** The first account of a router is the one that it asks for positions by: another than the load's, to be counted apart. */
const monitor = { user: 'monitor', password: 'monitor-secret' };

/** How far the replica is behind: by the network's delay, by MASTER_DELAY, or for ever. */
export type ReplicaDelay = 'none' | '50 ms' | '1 s' | 'stopped';

/** SELECTs that a member ran, by its own counters. */
export interface Selects {
  /** Of the load's account (information_schema.USER_STATISTICS). */
  readonly load: number;
  /** Of everybody, the router's own questions included (Com_select). */
  readonly all: number;
}

/** As Tandem configures its members; durable as they are, but with room for the load. */
const options = [
  'userstat=ON',
  'max-connections=400',
  'innodb-buffer-pool-size=64M',
  'slave-parallel-threads=4',
  'slave-parallel-mode=conservative',
];

export class RoutedPair {
  readonly primary: MariadbServer;
  readonly replica: MariadbServer;
  /** The unix sockets of the routers. */
  readonly sockets: readonly string[];
  readonly #routers: readonly ChildProcess[];
  #forwarder: DelayedForwarder | undefined;

  private constructor(
    primary: MariadbServer,
    replica: MariadbServer,
    routers: readonly { readonly socket: string; readonly child: ChildProcess }[],
  ) {
    this.primary = primary;
    this.replica = replica;
    this.sockets = routers.map(({ socket }) => socket);
    this.#routers = routers.map(({ child }) => child);
  }

  /** With `keys` rows in test.kv, each `(id, 0)`. */
  static async start(routerCount: number, keys: number): Promise<RoutedPair> {
    const [primary, replica] = await Promise.all([
      startMember('primary', 1, options),
      startMember('replica', 2, ['read-only=ON', ...options]),
    ]);
    await primary.run(
      ...[account, monitor].flatMap(({ user, password }) => [
        `CREATE USER ${user}@'%' IDENTIFIED BY '${password}'`,
        `GRANT SELECT, INSERT, UPDATE, DELETE ON test.* TO ${user}@'%'`,
      ]),
      'CREATE TABLE test.kv (id INT PRIMARY KEY, v BIGINT NOT NULL) ENGINE=InnoDB',
      `INSERT INTO test.kv SELECT seq, 0 FROM test.seq_0_to_${keys - 1}`,
    );
    await attach(replica, primary);
    await caughtUp(replica, primary);
    const routers = Array.from({ length: routerCount }, (_, index) =>
      startRouter(index + 1, [memberOf(primary, 'db-1', 'primary'), memberOf(replica, 'db-2', 'replica')]),
    );
    const pair = new RoutedPair(primary, replica, routers);
    for (const socket of pair.sockets) await pair.#readsOnReplica(socket);
    return pair;
  }

  async close(): Promise<void> {
    for (const child of this.#routers) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    await disposeServers();
    await this.#forwarder?.[Symbol.asyncDispose]();
  }

  /** The replica has everything, and from now on is behind by this much. */
  async delay(by: ReplicaDelay): Promise<void> {
    const { primary, replica } = this;
    await replica.run('STOP SLAVE');
    await this.#forwarder?.[Symbol.asyncDispose]();
    this.#forwarder = by === '50 ms' ? await delayedForwardTo(primary.port, 50) : undefined;
    const from = changeMaster(primary, 'slave_pos', this.#forwarder?.port);
    await replica.run(`${from}, MASTER_DELAY=0`, 'START SLAVE');
    await ioRunning(replica);
    // What a whole round has written may still be to be applied.
    await caughtUp(replica, primary, 120);
    if (by === 'stopped') await replica.run('STOP SLAVE SQL_THREAD');
    if (by === '1 s') {
      await replica.run('STOP SLAVE', 'CHANGE MASTER TO MASTER_DELAY=1', 'START SLAVE');
      await ioRunning(replica);
    }
  }

  /** A session of the load's account through a router. */
  async session(router: number): Promise<Connection> {
    const socketPath = this.sockets[router % this.sockets.length] as string;
    return mysql.createConnection({ ...account, socketPath, database: 'test' });
  }

  async selects(): Promise<{ readonly primary: Selects; readonly replica: Selects }> {
    return { primary: await selectsOf(this.primary), replica: await selectsOf(this.replica) };
  }

  /** A router reads the definitions and the positions before it sends reads to a replica. */
  async #readsOnReplica(socketPath: string): Promise<void> {
    const before = await waitFor('a router that answers', () =>
      mysql.createConnection({ ...account, socketPath, database: 'test' }).catch(() => undefined),
    );
    await waitFor('reads on the replica', async () => {
      const { load } = await selectsOf(this.primary);
      for (let count = 0; count < 5; count++) await before.query('SELECT v FROM kv WHERE id = 0');
      return (await selectsOf(this.primary)).load === load;
    });
    await before.end();
  }
}

async function selectsOf(server: MariadbServer): Promise<Selects> {
  const load = await server.value(
    `SELECT SELECT_COMMANDS FROM information_schema.USER_STATISTICS WHERE USER = '${account.user}'`,
  );
  return { load: Number(load), all: Number(await server.status('Com_select')) };
}

function startRouter(number: number, members: readonly Member[]): { socket: string; child: ChildProcess } {
  const directory = temporaryDirectory('router');
  const socket = join(directory, 'socket');
  const topologyFile = join(directory, 'topology.json');
  writeFileSync(topologyFile, JSON.stringify({ primary: 'db-1', epoch: 1, members }));
  const file = join(directory, 'router.json');
  const config = { number, listen: { socketPath: socket }, accounts: [monitor, account], topologyFile };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  const child = spawn('setpriv', ['--pdeathsig=KILL', 'sh', 'scripts/node.sh', 'src/bin/router.ts', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return { socket, child };
}
