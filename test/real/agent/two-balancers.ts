/**
 * Two balancer hosts as network namespaces on a bridge of their own, each with a real HAProxy, keepalived and agent;
 * etcd runs outside, on the bridge's address. Everything is ended by process id, and the namespaces are removed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientIdentity } from '#src/adapters/agent-client.ts';
import { issueLeaf } from '#src/adapters/tls/authority.ts';
import type { AgentConfig, AgentPeer } from '#src/topology/agent-config.ts';
import { EtcdCluster } from '#test/real/adapters/etcd-cluster.ts';
import { askAgent } from './ask.ts';

const bridge = 'tdagtest0';
export const gateway = '10.251.77.1';
export const floating = '10.251.77.100';
export const agentPort = 18_440;
const nodeProgram = new URL('../../../scripts/node.sh', import.meta.url).pathname;
/** Of this checkout, and gone with its packages. */
const compileCache = new URL('../../../node_modules/.cache/tandem-test', import.meta.url).pathname;
const agentProgram = new URL('./agent-process.ts', import.meta.url).pathname;

export class BalancerHost {
  readonly peer: AgentPeer;
  readonly namespace: string;
  readonly directory: string;
  readonly children = new Map<string, ChildProcess>();
  output = '';

  constructor(peer: AgentPeer, directory: string) {
    this.peer = peer;
    this.namespace = `tdagtest-${peer.name}`;
    this.directory = directory;
  }

  start(name: string, command: readonly string[]): void {
    const args = ['netns', 'exec', this.namespace, 'setpriv', '--pdeathsig=KILL', ...command];
    const child = spawn('ip', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // As src/render/agent.ts sets them.
      env: {
        ...process.env,
        NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=2',
        NODE_COMPILE_CACHE: compileCache,
      },
    });
    const take = (text: Buffer) => {
      this.output += `${name}: ${text}`;
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    this.children.set(name, child);
  }

  startHaproxy(): void {
    this.start('haproxy', ['haproxy', '-db', '-f', join(this.directory, 'haproxy.cfg')]);
  }

  startKeepalived(): void {
    const file = (name: string) => join(this.directory, name);
    // It would take a killed process that nobody has reaped yet for a running one.
    for (const name of ['keepalived.pid', 'vrrp.pid']) rmSync(file(name), { force: true });
    const pids = [`--pid=${file('keepalived.pid')}`, `--vrrp_pid=${file('vrrp.pid')}`];
    const options = ['--dont-fork', '--dont-respawn', '--vrrp', '--log-console'];
    this.start('keepalived', ['keepalived', ...options, ...pids, `--use-file=${file('keepalived.conf')}`]);
  }

  startAgent(): void {
    this.start('agent', [nodeProgram, agentProgram, join(this.directory, 'agent.json'), String(agentPort)]);
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.children.get(name)?.kill(signal);
  }

  async kill(name: string): Promise<void> {
    const child = this.children.get(name);
    this.children.delete(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async vrrpPid(): Promise<number> {
    return Number((await readFile(join(this.directory, 'vrrp.pid'), 'utf8')).trim());
  }

  run(command: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.namespace, ...command], {
      encoding: 'utf8',
      timeout: 10_000,
    });
  }

  get holds(): boolean {
    return this.run(['ip', '-4', '-oneline', 'address', 'show', 'dev', 'eth0']).includes(` ${floating}/`);
  }
}

export class TwoBalancers {
  readonly directory: string;
  readonly etcd: EtcdCluster;
  readonly hosts: readonly [BalancerHost, BalancerHost];
  readonly operator: ClientIdentity;

  private constructor(
    directory: string,
    etcd: EtcdCluster,
    hosts: readonly [BalancerHost, BalancerHost],
    operator: ClientIdentity,
  ) {
    this.directory = directory;
    this.etcd = etcd;
    this.hosts = hosts;
    this.operator = operator;
  }

  static async create(): Promise<TwoBalancers> {
    const peers: AgentPeer[] = [11, 12].map((last, index) => ({
      name: `lb-${index + 1}`,
      address: `10.251.77.${last}`,
      roles: ['balancer', 'web'],
    }));
    const directory = await mkdtemp(join(tmpdir(), 'tandem-lbs-'));
    const hosts = peers.map((peer) => new BalancerHost(peer, join(directory, peer.name)));
    removeNetwork(hosts);
    makeNetwork(hosts);
    const etcd = await EtcdCluster.start([], gateway);
    const authority = { certificate: etcd.tls.ca, key: etcd.authorityKey };
    for (const host of hosts) await writeFiles(host, peers, authority, etcd);
    const leaf = await issueLeaf(authority, { commonName: 'operator', names: ['operator'] }, Date.now());
    const [one, two] = hosts as [BalancerHost, BalancerHost];
    return new TwoBalancers(directory, etcd, [one, two], { ca: etcd.tls.ca, ...leaf });
  }

  async startAll(): Promise<void> {
    for (const host of this.hosts) {
      host.startHaproxy();
      host.startAgent();
    }
    await sleep(300);
    for (const host of this.hosts) host.startKeepalived();
  }

  ask(index: 0 | 1, method: string, path: string, body?: unknown) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return askAgent(this.hosts[index].peer.address, this.operator, method, path, text, agentPort);
  }

  /** Time until `check` holds, in milliseconds. */
  async until(check: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<number> {
    const start = Date.now();
    while (Date.now() - start < timeoutMs) {
      if (await Promise.resolve(check()).catch?.(() => false)) return Date.now() - start;
      await sleep(10);
    }
    throw new Error(`not in time\n${this.hosts.map((host) => host.output.slice(-3_000)).join('\n---\n')}`);
  }

  async dispose(): Promise<void> {
    for (const host of this.hosts) {
      // keepalived's VRRP process outlives a killed parent for a moment.
      const vrrp = await host.vrrpPid().catch(() => undefined);
      for (const name of [...host.children.keys()]) await host.kill(name);
      if (vrrp !== undefined && isKeepalived(await readComm(vrrp))) process.kill(vrrp, 'SIGKILL');
    }
    await this.etcd.dispose();
    removeNetwork(this.hosts);
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function readComm(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
}

function isKeepalived(comm: string): boolean {
  return comm.startsWith('keepalived');
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}

function makeNetwork(hosts: readonly BalancerHost[]): void {
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('address', 'add', `${gateway}/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  for (const [index, host] of hosts.entries()) {
    const link = `tdagtest${index + 1}`;
    ip('netns', 'add', host.namespace);
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.namespace);
    ip('link', 'set', link, 'master', bridge, 'up');
    host.run(['ip', 'link', 'set', 'lo', 'up']);
    host.run(['ip', 'address', 'add', `${host.peer.address}/24`, 'dev', 'eth0']);
    host.run(['ip', 'link', 'set', 'eth0', 'up']);
  }
}

function removeNetwork(hosts: readonly BalancerHost[]): void {
  for (const host of hosts) {
    try {
      ip('netns', 'delete', host.namespace);
    } catch {
      // There was none.
    }
  }
  try {
    ip('link', 'delete', bridge);
  } catch {
    // There was none.
  }
}

async function writeFiles(
  host: BalancerHost,
  peers: readonly AgentPeer[],
  authority: { certificate: string; key: string },
  etcd: EtcdCluster,
): Promise<void> {
  const file = (name: string) => join(host.directory, name);
  await mkdir(file('agent'), { recursive: true, mode: 0o700 });
  const names = [host.peer.name, host.peer.address];
  const leaf = await issueLeaf(authority, { commonName: host.peer.name, names }, Date.now());
  await writeFile(file('ca.pem'), authority.certificate);
  await writeFile(file('host.pem'), leaf.certificate);
  await writeFile(file('host.key'), leaf.key, { mode: 0o600 });
  await writeFile(file('track'), '-254\n');
  await writeFile(file('haproxy.cfg'), haproxyFile(host.directory, peers));
  await writeFile(file('keepalived.conf'), keepalivedFile(host.peer, peers, file('track')));
  const config: AgentConfig = {
    stack: 'users',
    stackId: '0123456789abcdef0123456789abcdef',
    host: host.peer.name,
    address: host.peer.address,
    lab: false,
    interface: 'eth0',
    roles: host.peer.roles,
    prefixLength: 24,
    floatingAddresses: [floating],
    operators: [gateway],
    peers,
    etcdEndpoints: etcd.members.map((member) => member.endpoint),
    leaseMs: 2_000,
    tls: { ca: file('ca.pem'), certificate: file('host.pem'), key: file('host.key') },
    dataDirectory: file('agent'),
    blocklist: { json: file('agent/blocklist.json'), nft: file('agent/blocklist.nft') },
    balancer: {
      haproxySocket: file('admin.sock'),
      haproxyHealthSocket: file('health.sock'),
      trackFile: file('track'),
      advertMs: 100,
    },
  };
  await writeFile(file('agent.json'), JSON.stringify(config));
}

function haproxyFile(directory: string, peers: readonly AgentPeer[]): string {
  return [
    'global',
    '    maxconn 100',
    `    stats socket ${directory}/admin.sock mode 600 level admin`,
    'defaults',
    '    mode http',
    '    timeout connect 1s',
    '    timeout client 10s',
    '    timeout server 10s',
    'frontend health',
    `    bind unix@${directory}/health.sock`,
    '    http-request return status 200',
    'frontend site',
    '    bind *:80',
    '    http-request return status 200 content-type text/plain string site',
    'backend web',
    '    balance static-rr',
    '    option httpchk',
    ...peers.map(({ name, address }) => `    server ${name} ${address}:80 check inter 100ms`),
    '',
  ].join('\n');
}

/** As src/render/keepalived.ts makes it. */
function keepalivedFile(peer: AgentPeer, peers: readonly AgentPeer[], trackFile: string): string {
  const own = peers.findIndex((each) => each.name === peer.name);
  const others = peers.filter((each) => each.name !== peer.name);
  return [
    'global_defs {',
    `    router_id ${peer.name}`,
    '    vrrp_version 3',
    '}',
    'track_file haproxy {',
    `    file ${trackFile}`,
    '    weight 1',
    '}',
    'vrrp_instance address_1 {',
    '    version 3',
    '    state BACKUP',
    '    interface eth0',
    '    virtual_router_id 51',
    `    priority ${200 - 10 * own}`,
    '    advert_int 0.10',
    `    unicast_src_ip ${peer.address}`,
    `    unicast_peer {\n${others.map((each) => each.address).join('\n')}\n}`,
    `    virtual_ipaddress {\n${floating}/24 dev eth0\n}`,
    '    track_file {\n        haproxy weight 1\n    }',
    '}',
    '',
  ].join('\n');
}
