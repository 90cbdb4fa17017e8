/** A ledger load on a lab: writers in the hosts' networks, their records, and what the members hold. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import mysql from 'mysql2/promise';
import { hostDirectories } from '#src/provision/lab/enter.ts';
import { routerSocket } from '#src/render/router.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { accountsOf, queryLocally } from '../database.ts';
import { type Lab, repository } from '../lab.ts';
import { waitFor } from '../wait.ts';
import { judge, longestPause, type MemberContent } from './check.ts';
import { ledgerNow, type WriteRecord, type WriterConfig } from './records.ts';

const accounts = 20;
const startBalance = 1_000;
const writerProgram = join(import.meta.dirname, 'writer.ts');

interface Writer {
  readonly host: string;
  readonly process: ChildProcess;
}

export type Errors = Readonly<Record<WriteRecord['kind'], Readonly<Record<'refused' | 'unknown', number>>>>;

/** Where writers run, and what they reach there; hosts of a lab have all of it on this machine. */
export interface LedgerPlace {
  /** Words before the writer's own command, such as to enter a network; none when it needs none. */
  enter(host: string): readonly string[];
  /** The router's socket as this machine sees it. */
  routerSocket(host: string): Promise<string>;
}

export function labPlace(lab: Lab): LedgerPlace {
  return {
    enter: (host) => ['ip', 'netns', 'exec', lab.namespace(host)],
    routerSocket: async (host) => {
      const { run } = hostDirectories(await lab.stateDirectory(), host);
      return routerSocket.replace(hostPaths.run, run);
    },
  };
}

let ledgers = 0;

export class Ledger {
  readonly #lab: Lab;
  readonly #through: 'members' | 'router';
  readonly #place: LedgerPlace;
  readonly #records: WriteRecord[] = [];
  #writers: Writer[] = [];
  #count = 0;
  /** Ids of one lab's ledgers differ: they share the table. */
  readonly #number = ++ledgers;

  private constructor(lab: Lab, through: 'members' | 'router', place: LedgerPlace) {
    this.#lab = lab;
    this.#place = place;
    this.#through = through;
  }

  /** `through`: the members, found by the writers themselves, or the SQL router of the writers' host. */
  static async create(
    lab: Lab,
    through: 'members' | 'router' = 'members',
    place: LedgerPlace = labPlace(lab),
  ): Promise<Ledger> {
    const ledger = new Ledger(lab, through, place);
    const { schema } = await accountsOf(lab);
    const { database } = await lab.healthy();
    const rows = Array.from({ length: accounts }, (_, id) => `(${id}, ${startBalance})`).join();
    const sql = [
      `USE ${schema}`,
      'CREATE TABLE IF NOT EXISTS ledger (id VARCHAR(64) PRIMARY KEY) ENGINE=InnoDB',
      'CREATE TABLE IF NOT EXISTS account (id INT PRIMARY KEY, balance INT NOT NULL) ENGINE=InnoDB',
      `INSERT IGNORE INTO account VALUES ${rows}`,
    ].join('; ');
    const made = await queryLocally(lab, database.primary ?? '', sql);
    if (made.code !== 0) throw new Error(`the ledger's tables: ${made.stderr}`);
    return ledger;
  }

  get records(): readonly WriteRecord[] {
    return this.#records;
  }

  /**
   * Starts writers in these hosts' networks (again, after a host was powered off). `later`: addresses of members that are
   * not there yet.
   */
  async write(
    hosts: readonly string[],
    workers = 4,
    pauseMs = 4,
    later: readonly string[] = [],
  ): Promise<void> {
    const { application, schema } = await accountsOf(this.#lab);
    const status = await this.#lab.status();
    const members = status.hosts
      .filter(({ roles }) => roles.includes('database'))
      .map(({ address }) => address);
    const caFile = join(await this.#lab.stateDirectory(), 'material/ca.pem');
    for (const host of hosts) {
      if (this.#writers.some((writer) => writer.host === host && writer.process.exitCode === null)) continue;
      this.#count += 1;
      const config: WriterConfig = {
        name: `${host}-${this.#number}-${this.#count}`,
        members: [...new Set([...members, ...later])],
        port: ports.mariadb,
        ...(this.#through === 'router' ? { socketPath: await this.#place.routerSocket(host) } : {}),
        user: application.user,
        password: application.password,
        schema,
        caFile,
        workers,
        accounts,
        pauseMs,
      };
      const words = [...this.#place.enter(host), process.execPath, writerProgram, JSON.stringify(config)];
      const [program = '', ...rest] = words;
      const child = spawn(program, rest, { cwd: repository, stdio: ['pipe', 'pipe', 'inherit'] });
      child.stdin?.on('error', () => undefined);
      if (child.stdout !== null) {
        createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
      }
      this.#writers.push({ host, process: child });
    }
    const from = ledgerNow();
    await waitFor(
      'the first acknowledged write',
      () => this.#records.some(({ outcome, doneAt }) => outcome === 'acknowledged' && doneAt > from),
      30_000,
    );
  }

  /** A session of the application's account through the router of a host. */
  async connectOn(host: string, connectTimeout = 5_000): Promise<mysql.Connection> {
    const { application } = await accountsOf(this.#lab);
    const socketPath = await this.#place.routerSocket(host);
    const connection = await mysql.createConnection({ ...application, socketPath, connectTimeout });
    connection.on('error', () => undefined);
    return connection;
  }

  /** Whether the router of a host answers a read; rejects while it doesn't. */
  async answersOn(host: string, connectTimeout = 500): Promise<true> {
    const connection = await this.connectOn(host, connectTimeout);
    try {
      await connection.query('SELECT 1');
      return true;
    } finally {
      connection.destroy();
    }
  }

  /** A writer that is killed may leave half a line behind. */
  #take(line: string): void {
    if (line.endsWith('}')) this.#records.push(JSON.parse(line) as WriteRecord);
  }

  async stop(): Promise<void> {
    const writers = this.#writers;
    this.#writers = [];
    await Promise.all(
      writers.map(async ({ process: child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'close');
        child.stdin?.end();
        const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
        await ended;
        clearTimeout(timer);
      }),
    );
  }

  longestPause(from: number, to: number): number {
    return longestPause(this.#records, from, to);
  }

  /** Writes that were answered between two moments and not acknowledged. */
  errors(from: number, to: number): Errors {
    const count = { autocommit: { refused: 0, unknown: 0 }, transaction: { refused: 0, unknown: 0 } };
    for (const { kind, outcome, doneAt } of this.#records) {
      if (doneAt >= from && doneAt <= to && outcome !== 'acknowledged') count[kind][outcome] += 1;
    }
    return count;
  }

  /** Until writes are acknowledged again; the moment at which the first of them was. */
  async untilAcknowledged(after: number, timeoutMs: number): Promise<number> {
    let at = 0;
    await waitFor(
      'an acknowledged write',
      () => {
        const found = this.#records.findLast(
          ({ outcome, sentAt }) => outcome === 'acknowledged' && sentAt > after,
        );
        at = found?.doneAt ?? 0;
        return found !== undefined;
      },
      timeoutMs,
      20,
    );
    return at;
  }

  /** Ids of writes that were acknowledged until now and that this member doesn't have. */
  async missingOn(host: string): Promise<readonly string[]> {
    const acknowledged = this.#records
      .filter(({ outcome }) => outcome === 'acknowledged')
      .map(({ id }) => id);
    const { schema } = await accountsOf(this.#lab);
    const { stdout, stderr, code } = await queryLocally(this.#lab, host, `SELECT id FROM ${schema}.ledger`);
    if (code !== 0) throw new Error(`${host}: ${stderr}`);
    const held = new Set(stdout.split('\n'));
    return acknowledged.filter((id) => !held.has(id));
  }

  /** Stops the writers, waits until all members are level, and judges. Rejects with the violations. */
  async check(hosts: readonly string[]): Promise<void> {
    await this.stop();
    let positions = '';
    await waitFor(
      'members at the same position',
      async () => {
        const found = await Promise.all(
          hosts.map((host) => queryLocally(this.#lab, host, 'SELECT @@gtid_binlog_pos')),
        );
        positions = found.map(({ stdout }) => stdout.trim()).join(' | ');
        return new Set(found.map(({ stdout }) => stdout.trim())).size === 1;
      },
      30_000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${positions}`);
    });
    const members = await Promise.all(hosts.map((host) => this.#content(host)));
    const violations = judge(this.#records, members, accounts * startBalance);
    if (violations.length > 0) throw new Error(violations.join('; '));
  }

  async #content(host: string): Promise<MemberContent> {
    const { schema } = await accountsOf(this.#lab);
    const ask = async (sql: string): Promise<string[]> => {
      const { stdout, stderr, code } = await queryLocally(this.#lab, host, `USE ${schema}; ${sql}`);
      if (code !== 0) throw new Error(`${host}: ${stderr}`);
      return stdout.trim() === '' ? [] : stdout.trim().split('\n');
    };
    const tables = await ask('SHOW TABLES');
    const checksums = await ask(`CHECKSUM TABLE ${tables.join(', ')}`);
    return {
      host,
      ids: await ask('SELECT id FROM ledger'),
      balanceSum: Number((await ask('SELECT SUM(balance) FROM account'))[0]),
      checksums: Object.fromEntries(checksums.map((line) => line.split('\t') as [string, string])),
    };
  }
}
