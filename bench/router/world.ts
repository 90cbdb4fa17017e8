/** What is measured: a MariaDB server, and in front of it HAProxy, the SQL router and a bare pass-through, on this machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { routerPriority } from '#src/render/router.ts';
import {
  disposeServers,
  MariadbServer,
  removeDirectories,
  temporaryDirectory,
} from '#test/real/mariadb/server.ts';
import { waitFor } from '#test/real/mariadb/wait.ts';
import { freePort } from '#test/support/free-ports.ts';
import type { WayName } from './report.ts';

export const account = { user: 'sbtest', password: 'only-for-benchmarks' };

/** A way to the server, as arguments of sysbench. */
export interface Way {
  readonly name: WayName;
  readonly args: readonly string[];
  /** Of the process in between; null when there is none. */
  readonly pid: number | null;
}

export class World {
  readonly server: MariadbServer;
  readonly ways: readonly Way[];
  readonly #children: readonly ChildProcess[];

  private constructor(server: MariadbServer, ways: readonly Way[], children: readonly ChildProcess[]) {
    this.server = server;
    this.ways = ways;
    this.#children = children;
  }

  static async start(nodeOptions: readonly string[] = []): Promise<World> {
    const server = await MariadbServer.create('bench', [
      'server-id=1',
      'innodb-buffer-pool-size=256M',
      'innodb-log-file-size=64M',
      'innodb-flush-log-at-trx-commit=2',
      'sync-binlog=0',
      'max-connections=400',
      'character-set-server=utf8mb4',
      'session-track-system-variables=autocommit,character_set_client,character_set_connection,character_set_results,time_zone,last_gtid',
    ]);
    await server.start();
    await server.run(
      'CREATE DATABASE sbtest',
      `CREATE USER ${account.user}@'%' IDENTIFIED BY '${account.password}'`,
      `GRANT ALL ON sbtest.* TO ${account.user}@'%'`,
    );
    const directory = temporaryDirectory('bench');
    const [haproxyPort, passPort, routerPort] = [await freePort(), await freePort(), await freePort()];
    const socketPath = join(directory, 'router.sock');
    const listen = { socketPath, host: '127.0.0.1', port: routerPort };
    const haproxy = startHaproxy(directory, haproxyPort, server.port);
    const passThrough = startPassThrough(passPort, server.port);
    const router = startRouter(directory, listen, server.port, nodeOptions);
    for (const port of [haproxyPort, passPort, routerPort]) {
      await waitFor(`port ${port}`, () => answers(port));
    }
    const tcp = (port: number) => ['--mysql-host=127.0.0.1', `--mysql-port=${port}`];
    const of = ({ pid }: ChildProcess) => ({ pid: pid ?? null });
    const ways: Way[] = [
      { name: 'direct', args: tcp(server.port), pid: null },
      { name: 'HAProxy', args: tcp(haproxyPort), ...of(haproxy) },
      { name: 'pass-through', args: tcp(passPort), ...of(passThrough) },
      { name: 'router TCP', args: tcp(routerPort), ...of(router) },
      { name: 'router socket', args: [`--mysql-socket=${socketPath}`], ...of(router) },
    ];
    return new World(server, ways, [haproxy, passThrough, router]);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    await disposeServers();
    removeDirectories();
  }
}

function startHaproxy(directory: string, port: number, serverPort: number): ChildProcess {
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  maxconn 4000
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen mysql
  bind 127.0.0.1:${port}
  server db-1 127.0.0.1:${serverPort}
`,
  );
  return start('haproxy', ['-db', '-f', file]);
}

function startRouter(
  directory: string,
  listen: object,
  serverPort: number,
  nodeOptions: readonly string[],
): ChildProcess {
  const topologyFile = join(directory, 'topology.json');
  const member = {
    name: 'db-1',
    role: 'primary',
    historyEpoch: 1,
    lagSeconds: 0,
    ok: true,
    address: { host: '127.0.0.1', port: serverPort },
  };
  writeFileSync(topologyFile, JSON.stringify({ primary: 'db-1', epoch: 1, members: [member] }));
  const file = join(directory, 'router.json');
  // Plain towards the server, as HAProxy is: TLS is not what is compared.
  const config = { number: 1, listen, accounts: [account], maxConnectionsPerMember: 300, topologyFile };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return start('sh', ['scripts/node.sh', ...nodeOptions, 'src/bin/router.ts', file]);
}

function startPassThrough(port: number, serverPort: number): ChildProcess {
  return start('sh', ['scripts/node.sh', 'bench/router/pass-through.ts', String(port), String(serverPort)]);
}

/** All with the priority of the router's service: what is compared is not who gets a processor first. */
function start(program: string, args: readonly string[]): ChildProcess {
  const words = ['-n', String(routerPriority), 'setpriv', '--pdeathsig=KILL', program, ...args];
  return spawn('nice', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
