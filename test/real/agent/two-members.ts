/** Two database hosts on loopback addresses, each with its own agent, real MariaDB and a fake supervisor; real etcd. */

import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { type AgentAnswer, type ClientIdentity, askAgent as call } from '#src/adapters/agent-client.ts';
import { createLog } from '#src/adapters/log.ts';
import { issueLeaf } from '#src/adapters/tls/authority.ts';
import { type RunningAgent, startAgent } from '#src/agent/agent.ts';
import { hookNames } from '#src/spec/schema/database.ts';
import type { AgentStatus } from '#src/topology/agent-api.ts';
import type { AgentConfig, AgentPeer } from '#src/topology/agent-config.ts';
import { EtcdCluster } from '#test/real/adapters/etcd-cluster.ts';
import { askAgent } from './ask.ts';
import { FakeRunner } from './fake-runner.ts';

export const agentPort = 18_440;
export const databasePort = 13_306;
export const passwords = {
  replication: 'rep-Secret_1',
  agent: 'agent-Secret_1',
  application: 'app-Secret_1',
};
const stackId = '0123456789abcdef0123456789abcdef';

export interface Member {
  readonly peer: AgentPeer;
  readonly directory: string;
  readonly config: AgentConfig;
  readonly runner: FakeRunner;
  readonly lines: string[];
  agent: RunningAgent | undefined;
}

export class TwoMembers {
  readonly directory: string;
  readonly etcd: EtcdCluster;
  readonly members: readonly [Member, Member];
  readonly operator: ClientIdentity;

  private constructor(
    directory: string,
    etcd: EtcdCluster,
    members: readonly [Member, Member],
    operator: ClientIdentity,
  ) {
    this.directory = directory;
    this.etcd = etcd;
    this.members = members;
    this.operator = operator;
  }

  static async create(): Promise<TwoMembers> {
    const etcd = await EtcdCluster.start();
    const directory = await mkdtemp(join(tmpdir(), 'tandem-two-'));
    await chmod(directory, 0o755);
    const authority = { certificate: etcd.tls.ca, key: etcd.authorityKey };
    const peers: AgentPeer[] = [1, 2].map((number) => ({
      name: `server-${number}`,
      address: `127.0.77.${number}`,
      roles: ['database'],
    }));
    const [one, two] = await Promise.all(
      peers.map((peer) => makeMember(join(directory, peer.name), peer, peers, authority, etcd)),
    );
    const leaf = await issueLeaf(authority, { commonName: 'operator', names: ['operator'] }, Date.now());
    return new TwoMembers(directory, etcd, [one as Member, two as Member], { ca: etcd.tls.ca, ...leaf });
  }

  async startAgent(index: 0 | 1): Promise<void> {
    const member = this.members[index];
    const log = createLog((line) => member.lines.push(line), 'agent');
    member.agent = await startAgent(member.config, member.runner, log, {
      port: agentPort,
      peerPort: agentPort,
    });
  }

  stopAgent(index: 0 | 1): void {
    this.members[index].agent?.stop();
    this.members[index].agent = undefined;
  }

  async status(index: 0 | 1): Promise<AgentStatus> {
    const answer = await askAgent(this.members[index].peer.address, this.operator, 'GET', '/v1/status');
    return JSON.parse(answer.text) as AgentStatus;
  }

  /** Until the agent's database status satisfies `check`; the time that took, in milliseconds. */
  async until(index: 0 | 1, check: (status: AgentStatus) => boolean, timeoutMs = 30_000): Promise<number> {
    const start = Date.now();
    let last: AgentStatus | undefined;
    while (Date.now() - start < timeoutMs) {
      last = await this.status(index).catch(() => undefined);
      if (last !== undefined && check(last)) return Date.now() - start;
      await sleep(30);
    }
    throw new Error(
      `not in time; status ${JSON.stringify(last)}\n${this.members[index].lines.slice(-30).join('')}`,
    );
  }

  async untilBothReady(): Promise<void> {
    for (const index of [0, 1] as const) await this.until(index, (status) => status.database?.ready === true);
  }

  /** Until the agent's log says it. */
  async untilSaid(index: 0 | 1, words: RegExp, timeoutMs = 10_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.members[index].lines.some((line) => words.test(line))) {
      if (performance.now() > deadline)
        throw new Error(`${words}: ${this.members[index].lines.slice(-20).join('')}`);
      await sleep(30);
    }
  }

  /** The member that takes writes, of the highest epoch that an agent knows. */
  async primary(): Promise<0 | 1> {
    const seen = await Promise.all(
      ([0, 1] as const).map(async (index) => ({
        index,
        database: (await this.status(index).catch(() => undefined))?.database,
      })),
    );
    const epoch = Math.max(...seen.map(({ database }) => database?.epoch ?? 0));
    const found = seen.find(({ database }) => database?.role === 'primary' && database.epoch === epoch);
    if (found === undefined) throw new Error(`nobody leads: ${JSON.stringify(seen)}`);
    return found.index;
  }

  /** One statement on whichever member takes it. */
  async write(sql: string): Promise<void> {
    for (let index: 0 | 1 = 0; ; index = index === 0 ? 1 : 0) {
      try {
        await this.asApplication(index, sql);
        return;
      } catch {
        await sleep(10);
      }
    }
  }

  /** Until both members answer the same. */
  async untilEqual(sql: string): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      if (this.query(0, sql) === this.query(1, sql)) return;
      await sleep(50);
    }
    throw new Error(`${sql}: ${this.query(0, sql)} against ${this.query(1, sql)}`);
  }

  async ask(index: 0 | 1, method: string, path: string, body?: unknown): Promise<AgentAnswer> {
    const address = this.members[index].peer.address;
    return call({ address }, this.operator, { method, path, body, timeoutMs: 5_000, port: agentPort });
  }

  /** A connection whose transaction has written. */
  async openTransaction(index: 0 | 1): Promise<mysql.Connection> {
    const connection = await this.#connect(index, true);
    await connection.query('START TRANSACTION');
    await connection.query("INSERT INTO people (name) VALUES ('open')");
    return connection;
  }

  /** As root through the socket. */
  query(index: 0 | 1, sql: string): string {
    const socket = this.members[index].config.database?.socket ?? '';
    const args = [
      '--no-defaults',
      `--socket=${socket}`,
      '--user=root',
      '--batch',
      '--skip-column-names',
      '-e',
      sql,
    ];
    return execFileSync('mariadb', args, { encoding: 'utf8', timeout: 20_000 }).trim();
  }

  async replicaStatus(index: 0 | 1): Promise<Record<string, unknown>> {
    const socketPath = this.members[index].config.database?.socket ?? '';
    const connection = await mysql.createConnection({
      socketPath,
      user: 'tandem_agent',
      password: passwords.agent,
    });
    try {
      const [rows] = await connection.query<mysql.RowDataPacket[]>('SHOW REPLICA STATUS');
      return rows[0] ?? {};
    } finally {
      connection.destroy();
    }
  }

  /** As the application, over TCP. */
  async asApplication(index: 0 | 1, sql: string, tls = true): Promise<unknown> {
    const connection = await this.#connect(index, tls);
    try {
      return (await connection.query(sql))[0];
    } finally {
      connection.destroy();
    }
  }

  #connect(index: 0 | 1, tls: boolean): Promise<mysql.Connection> {
    return mysql.createConnection({
      host: this.members[index].peer.address,
      port: databasePort,
      user: 'users_app',
      password: passwords.application,
      database: 'users',
      ...(tls ? { ssl: { ca: this.etcd.tls.ca, verifyIdentity: false } } : {}),
    });
  }

  async dispose(): Promise<void> {
    this.stopAgent(0);
    this.stopAgent(1);
    for (const member of this.members) await member.runner.dispose();
    await this.etcd.dispose();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
    // The agents run in the machine's own network, with loopback addresses.
    if (!hadBlocklist) nft('delete', 'table', 'inet', 'tandem_blocklist');
  }
}

const hadBlocklist = nft('list', 'table', 'inet', 'tandem_blocklist');

function nft(...words: readonly string[]): boolean {
  return spawnSync('nft', words, { stdio: 'ignore' }).status === 0;
}

async function makeMember(
  directory: string,
  peer: AgentPeer,
  peers: readonly AgentPeer[],
  authority: { certificate: string; key: string },
  etcd: EtcdCluster,
): Promise<Member> {
  const file = (name: string) => join(directory, name);
  for (const name of ['', 'mariadb', 'run', 'agent'])
    await mkdir(file(name), { recursive: true, mode: 0o755 });
  const mysqlId = Number(execFileSync('id', ['-u', 'mysql'], { encoding: 'utf8' }));
  for (const name of ['mariadb', 'run']) await chown(file(name), mysqlId, mysqlId);
  const names = [peer.name, peer.address, 'localhost', '127.0.0.1'];
  const leaf = await issueLeaf(authority, { commonName: peer.name, names }, Date.now());
  await writeFile(file('ca.pem'), authority.certificate);
  await writeFile(file('host.pem'), leaf.certificate);
  await writeFile(file('host.key'), leaf.key, { mode: 0o600 });
  await chown(file('host.key'), mysqlId, mysqlId);
  await writeFile(file('passwords.json'), JSON.stringify(passwords), { mode: 0o600 });
  await writeFile(
    file('schema.sql'),
    'CREATE TABLE people (id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT);\n',
  );
  await writeFile(file('my.cnf'), optionFile(directory, peer));
  const config: AgentConfig = {
    stack: 'users',
    stackId,
    lab: false,
    host: peer.name,
    address: peer.address,
    interface: 'lo',
    roles: peer.roles,
    prefixLength: 24,
    floatingAddresses: [],
    operators: ['127.0.77.254'],
    peers,
    etcdEndpoints: etcd.members.map((member) => member.endpoint),
    leaseMs: 1_000,
    tls: { ca: file('ca.pem'), certificate: file('host.pem'), key: file('host.key') },
    dataDirectory: file('agent'),
    blocklist: { json: file('agent/blocklist.json'), nft: file('agent/blocklist.nft') },
    database: {
      dataDirectory: file('mariadb/data'),
      socket: file('run/mariadb.sock'),
      port: databasePort,
      optionFile: file('my.cnf'),
      roleFile: file('run/conf.d/role.cnf'),
      members: peers,
      schema: 'users',
      schemaFile: file('schema.sql'),
      accounts: [],
      sync: 'required',
      degradeAfterMs: 2_000,
      failover: { stableAfterMs: 60_000, free: 2, holdMs: 30_000 },
      switchover: { waitMs: 1_000, atTimeout: 'give-up' },
      hooks: Object.fromEntries(
        hookNames.map((name) => [name, ['sh', '-c', `cat >>${file('hooks.jsonl')}`]]),
      ),
      binlogExpireSeconds: 604_800,
      binlogMaxBytes: 1_073_741_824,
      applicationAccount: 'users_app',
      passwordsFile: file('passwords.json'),
    },
  };
  const runner = new FakeRunner([
    {
      name: 'mariadb',
      command: ['mariadbd', `--defaults-file=${file('my.cnf')}`],
      socket: file('run/mariadb.sock'),
      log: file('mariadb.log'),
    },
  ]);
  return { peer, directory, config, runner, lines: [], agent: undefined };
}

/** What src/render/mariadb.ts fixes, with the test's own places and small buffers. */
function optionFile(directory: string, peer: AgentPeer): string {
  return [
    '[mariadbd]',
    'user = mysql',
    `datadir = ${directory}/mariadb/data`,
    `socket = ${directory}/run/mariadb.sock`,
    `bind_address = ${peer.address}`,
    `port = ${databasePort}`,
    'skip_name_resolve = ON',
    `report_host = ${peer.name}`,
    `tmpdir = ${directory}/mariadb`,
    'slave_parallel_threads = 4',
    'slave_parallel_mode = conservative',
    'read_only = ON',
    'skip_slave_start = ON',
    'sync_binlog = 1',
    'log_bin = binlog',
    'relay_log = relay',
    'log_slave_updates = ON',
    'binlog_format = ROW',
    'gtid_strict_mode = ON',
    'slave_net_timeout = 5',
    'rpl_semi_sync_master_wait_point = AFTER_SYNC',
    'rpl_semi_sync_master_timeout = 9223372036854775807',
    'rpl_semi_sync_master_wait_no_slave = ON',
    'require_secure_transport = ON',
    `ssl_ca = ${directory}/ca.pem`,
    `ssl_cert = ${directory}/host.pem`,
    `ssl_key = ${directory}/host.key`,
    'innodb_buffer_pool_size = 8M',
    'innodb_log_file_size = 4M',
    'performance_schema = OFF',
    `!includedir ${directory}/run/conf.d`,
    '',
  ].join('\n');
}
