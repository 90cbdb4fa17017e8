/**
 * A throw-away MariaDB server for tests: its own directory, socket and loopback port, controlled with real signals
 * that reach only the process started here. The kernel kills the server when the test process dies; the test's
 * hooks (`disposeServers`, and `removeDirectories` of data-directory.ts) leave nothing behind.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mysql, { type Connection, type ConnectionOptions, type RowDataPacket } from 'mysql2/promise';
import { freePort } from '#test/support/free-ports.ts';
import { asServerUser, removeDirectory, templateDirectory, temporaryDirectory } from './data-directory.ts';
import { waitFor } from './wait.ts';

export {
  asServerUser,
  giveToServer,
  installDatabase,
  PASSWORD,
  removeDirectories,
  temporaryDirectory,
} from './data-directory.ts';

/** An `--option` of mariadbd without the dashes: `'sync-binlog=1'`. Later ones win over earlier ones. */
export type ServerOption = string;

/** What Tandem's rules rest on, and the durable settings; small and quick in everything else. */
const BASE_OPTIONS: readonly ServerOption[] = [
  'bind-address=127.0.0.1',
  'skip-name-resolve',
  'skip-slave-start',
  'performance-schema=OFF',
  'innodb-buffer-pool-size=8M',
  'innodb-log-file-size=4M',
  'innodb-temp-data-file-path=ibtmp1:1M:autoextend',
  'innodb-buffer-pool-dump-at-shutdown=OFF',
  'innodb-buffer-pool-load-at-startup=OFF',
  'innodb-flush-log-at-trx-commit=1',
  'sync-binlog=1',
  'log-bin=binlog',
  'relay-log=relay',
  'log-slave-updates',
  'gtid-strict-mode=1',
  'binlog-format=ROW',
  'rpl-semi-sync-master-wait-point=AFTER_SYNC',
  'rpl-semi-sync-master-timeout=4294967295',
  'slave-net-timeout=60',
];

const servers = new Set<MariadbServer>();

/** Kills every server of this test process and removes its directory; for `afterEach` or `afterAll`. */
export async function disposeServers(): Promise<void> {
  await Promise.all([...servers].map((server) => server[Symbol.asyncDispose]()));
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Result rows with whatever columns the statement has. */
export type Row = Readonly<Record<string, string | number | null>>;

export class MariadbServer implements AsyncDisposable {
  readonly directory: string;
  readonly dataDirectory: string;
  readonly socketPath: string;
  readonly port: number;
  readonly #options: readonly ServerOption[];
  readonly #connections = new Set<Connection>();
  #process: ChildProcess | undefined;
  #admin: Connection | undefined;

  private constructor(directory: string, port: number, options: readonly ServerOption[]) {
    this.directory = directory;
    this.dataDirectory = join(directory, 'data');
    this.socketPath = join(directory, 'socket');
    this.port = port;
    this.#options = options;
    servers.add(this);
  }

  /** A fresh server that isn't started yet; `options` hold for all its starts. */
  static async create(name: string, options: readonly ServerOption[] = []): Promise<MariadbServer> {
    const server = await MariadbServer.createWithoutData(name, options);
    await promisify(execFile)('cp', ['-a', '--reflink=auto', templateDirectory(), server.dataDirectory]);
    return server;
  }

  /** One whose data directory the test itself provides. */
  static async createWithoutData(
    name: string,
    options: readonly ServerOption[] = [],
  ): Promise<MariadbServer> {
    return new MariadbServer(temporaryDirectory(name), await freePort(), options);
  }

  /** Starts it and waits until it answers; `options` hold for this start only and win over the others. */
  async start(...options: readonly ServerOption[]): Promise<this> {
    const child = this.#spawn(options);
    await waitFor(
      `start of ${this.directory}`,
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`mariadbd ended at its start:\n${this.log()}`);
        }
        return this.#connectAdmin();
      },
      30_000,
    );
    return this;
  }

  /** Starts it in the expectation that it refuses to start; returns what this start wrote to the error log. */
  async startRefused(...options: readonly ServerOption[]): Promise<string> {
    const before = this.log().length;
    const child = this.#spawn(options);
    const [code] = await once(child, 'exit');
    if (code === 0) throw new Error('mariadbd ended without an error');
    return this.log().slice(before);
  }

  /** SIGKILL: what a crash of the process does. Returns when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM: a clean shutdown. Returns when the process is gone. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGTERM without waiting for the end. */
  terminate(): void {
    this.#running().kill('SIGTERM');
  }

  /** Whether the process lives. */
  get running(): boolean {
    return (
      this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
    );
  }

  /** SIGSTOP: the process keeps its sockets and answers nothing. Returns when its last thread stands still. */
  freeze(): void {
    this.#running().kill('SIGSTOP');
    const tasks = `/proc/${this.pid}/task`;
    // A thread is gone between the listing and the reading now and then; the next round sees the rest.
    const stopped = (task: string) =>
      / [TtZX] /.test(tryRead(join(tasks, task, 'stat')).replace(/^.*\)/, ''));
    while (!readdirSync(tasks).every(stopped));
  }

  /** SIGCONT: it goes on where it was. */
  thaw(): void {
    this.#running().kill('SIGCONT');
  }

  get pid(): number {
    const { pid } = this.#running();
    if (pid === undefined) throw new Error('no process');
    return pid;
  }

  /** A new connection, as root over the unix socket unless `options` say otherwise. */
  async connect(options: ConnectionOptions = {}): Promise<Connection> {
    const address =
      options.host === undefined ? { socketPath: this.socketPath } : { host: options.host, port: this.port };
    const connection = await mysql.createConnection({
      user: 'root',
      database: 'test',
      connectTimeout: 5000,
      ...address,
      ...options,
    });
    connection.on('error', () => {}); // A killed server ends its connections; the statements tell.
    this.#connections.add(connection);
    return connection;
  }

  /** Rows of a statement, on the test's own connection. */
  async rows(sql: string): Promise<Row[]> {
    if (this.#admin === undefined) throw new Error('not started');
    const [rows] = await this.#admin.query<RowDataPacket[]>(sql);
    return Array.isArray(rows) ? rows : [];
  }

  /** First column of the first row, as text; '' for NULL and for no row. */
  async value(sql: string): Promise<string> {
    const row = (await this.rows(sql))[0];
    return row === undefined ? '' : String(Object.values(row)[0] ?? '');
  }

  /** Runs the statements one after the other, on the test's own connection. */
  async run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.rows(statement);
  }

  /** A status variable such as `Rpl_semi_sync_master_clients`. */
  async status(name: string): Promise<string> {
    return String((await this.rows(`SHOW GLOBAL STATUS LIKE '${name}'`))[0]?.Value ?? '');
  }

  /** The error log so far. */
  log(): string {
    const path = join(this.directory, 'error.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) await this.kill();
    removeDirectory(this.directory);
    servers.delete(this);
  }

  #running(): ChildProcess {
    if (this.#process === undefined || !this.running) throw new Error('the server is not running');
    return this.#process;
  }

  #spawn(options: readonly ServerOption[]): ChildProcess {
    if (this.running) throw new Error('the server runs already');
    const log = openSync(join(this.directory, 'error.log'), 'a');
    const [program = '', ...args] = asServerUser([
      'mariadbd',
      '--no-defaults',
      `--datadir=${this.dataDirectory}`,
      `--socket=${this.socketPath}`,
      `--port=${this.port}`,
      `--pid-file=${join(this.directory, 'pid')}`,
      // A server that starts removes all that is called #sql… there, another server's too: that one then crashes.
      `--tmpdir=${this.directory}`,
      ...[...BASE_OPTIONS, ...this.#options, ...options].map((option) => `--${option}`),
    ]);
    const child = spawn(program, args, { stdio: ['ignore', log, log] });
    this.#process = child;
    return child;
  }

  async #connectAdmin(): Promise<boolean> {
    try {
      this.#admin = await this.connect({ database: '' });
      return true;
    } catch {
      return false;
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#running();
    const gone = once(child, 'exit');
    child.kill(signal);
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await gone;
    for (const connection of this.#connections) connection.destroy();
    this.#connections.clear();
    this.#admin = undefined;
  }
}
