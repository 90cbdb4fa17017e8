/** Three real etcd members on loopback with mutual TLS, each to be killed, frozen and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdClient, type EtcdOptions } from '#src/adapters/etcd/client.ts';
import { memberStatus } from '#src/adapters/etcd/maintenance.ts';
import { createAuthority, issueLeaf } from '#src/adapters/tls/authority.ts';
import { freePorts } from '#test/support/free-ports.ts';

export interface EtcdMember {
  readonly name: string;
  readonly endpoint: string;
  process: ChildProcess | undefined;
}

export class EtcdCluster {
  readonly directory: string;
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** PEM key of the test's authority, to issue more certificates. */
  readonly authorityKey: string;
  readonly members: readonly EtcdMember[];
  readonly #peers: readonly string[];
  readonly #extra: readonly string[];

  private constructor(
    directory: string,
    tls: EtcdCluster['tls'],
    authorityKey: string,
    address: string,
    ports: readonly number[],
    extra: readonly string[],
  ) {
    this.directory = directory;
    this.tls = tls;
    this.authorityKey = authorityKey;
    this.#extra = extra;
    this.members = [0, 1, 2].map((index) => ({
      name: `etcd-${index}`,
      endpoint: `https://${address}:${ports[index]}`,
      process: undefined,
    }));
    this.#peers = [3, 4, 5].map((index) => `https://${address}:${ports[index]}`);
  }

  static async start(extra: readonly string[] = [], address = '127.0.0.1'): Promise<EtcdCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'tandem-etcd-'));
    const authority = await createAuthority('test CA', Date.now());
    const leaf = await issueLeaf(
      authority,
      { commonName: 'test', names: ['localhost', '127.0.0.1', address] },
      Date.now(),
    );
    await writeFile(join(directory, 'ca.pem'), authority.certificate);
    await writeFile(join(directory, 'leaf.pem'), leaf.certificate);
    await writeFile(join(directory, 'leaf.key'), leaf.key, { mode: 0o600 });
    const tls = { ca: authority.certificate, ...leaf };
    const cluster = new EtcdCluster(directory, tls, authority.key, address, await freePorts(6), extra);
    await Promise.all(cluster.members.map((_member, index) => cluster.startMember(index)));
    await cluster.ready();
    return cluster;
  }

  client(options: Partial<EtcdOptions> = {}): EtcdClient {
    return new EtcdClient({ endpoints: this.members.map((m) => m.endpoint), tls: this.tls, ...options });
  }

  async startMember(index: number): Promise<void> {
    const member = this.members[index];
    const peer = this.#peers[index];
    if (member === undefined || peer === undefined) throw new Error(`no member ${index}`);
    const file = (name: string) => join(this.directory, name);
    const data = file(member.name);
    await mkdir(data, { recursive: true, mode: 0o700 });
    const args = [
      `--name=${member.name}`,
      `--data-dir=${data}`,
      `--listen-client-urls=${member.endpoint}`,
      `--advertise-client-urls=${member.endpoint}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${this.members.map((m, i) => `${m.name}=${this.#peers[i]}`).join(',')}`,
      ...['', 'peer-'].flatMap((kind) => [
        `--${kind}client-cert-auth`,
        `--${kind}trusted-ca-file=${file('ca.pem')}`,
        `--${kind}cert-file=${file('leaf.pem')}`,
        `--${kind}key-file=${file('leaf.key')}`,
      ]),
      '--heartbeat-interval=50',
      '--election-timeout=500',
      '--log-level=error',
      ...this.#extra,
    ];
    member.process = spawn('setpriv', ['--pdeathsig=KILL', 'etcd', ...args], { stdio: 'ignore' });
  }

  /** Until a member answers with a leader and accepts writes. */
  async ready(): Promise<void> {
    const client = this.client();
    try {
      for (let attempt = 0; attempt < 200; attempt += 1) {
        try {
          await client.put('ready', 'yes');
          return;
        } catch {
          await sleep(50);
        }
      }
      throw new Error('the etcd cluster did not come up');
    } finally {
      client.close();
    }
  }

  signal(index: number, signal: NodeJS.Signals): void {
    this.members[index]?.process?.kill(signal);
  }

  async kill(index: number): Promise<void> {
    const running = this.members[index]?.process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  async leaderIndex(): Promise<number> {
    const client = this.client();
    try {
      for (const [index, member] of this.members.entries()) {
        const status = await memberStatus(client, member.endpoint).catch(() => undefined);
        if (status !== undefined && status.leader === status.memberId) return index;
      }
      throw new Error('no leader');
    } finally {
      client.close();
    }
  }

  async dispose(): Promise<void> {
    for (const index of this.members.keys()) {
      await this.kill(index);
    }
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
