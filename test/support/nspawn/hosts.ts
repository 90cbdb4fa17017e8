/**
 * Bare Debian hosts for a test: `const hosts = await startHosts({ name, subnet, names })`. They are what a user rents:
 * Debian, systemd, sshd, an account; packages come from a mirror. `close` leaves nothing; what a killed run left, the next
 * one removes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, expectCommand } from '../command.ts';
import { processOf, signal } from '../processes.ts';
import { gatewayOf } from '../subnet.ts';
import { ensureBase } from './base.ts';
import { removeCgroups } from './cgroups.ts';
import { NspawnHost } from './host.ts';
import { type Mirror, startMirror } from './mirror.ts';
import { createBridge, removeBridge, removeNamespace } from './network.ts';
import { publishNewer } from './newer.ts';

export interface HostsRequest {
  /** Of the set; at most 11 characters, as interfaces are named after it. */
  readonly name: string;
  readonly subnet: string;
  /** Of the hosts; they get the addresses .11, .12, … of the subnet, as in a stack file. */
  readonly names: readonly string[];
  readonly diskMiB?: number;
  /** A directory of `keep`: the hosts start with what those had on their disks. */
  readonly kept?: string | undefined;
}

interface Record {
  readonly name: string;
  readonly directory: string;
  readonly hosts: readonly string[];
  /** Process ids with their start times, of the maker and of the containers. */
  readonly maker: string;
  readonly processes: readonly string[];
}

const records = '/run/tandem-test-hosts';

export class TestHosts {
  readonly request: HostsRequest;
  readonly directory: string;
  readonly hosts: readonly NspawnHost[];
  readonly mirror: Mirror;

  private constructor(
    request: HostsRequest,
    directory: string,
    hosts: readonly NspawnHost[],
    mirror: Mirror,
  ) {
    this.request = request;
    this.directory = directory;
    this.hosts = hosts;
    this.mirror = mirror;
  }

  static async start(request: HostsRequest): Promise<TestHosts> {
    const base = await ensureBase();
    await removeLeftovers();
    const directory = await mkdtemp(join(tmpdir(), `tandem-hosts-${request.name}-`));
    const { name: set, subnet, diskMiB, kept } = request;
    const place = { set, subnet, directory, base: base.root, diskMiB, kept };
    const list = request.names.map((name, index) => new NspawnHost(place, name, index));
    await note(request.name, directory, list);
    try {
      await createBridge(request.name, request.subnet);
      const repositories = [join(directory, 'newer'), base.repository];
      const mirror = await startMirror(repositories, gatewayOf(request.subnet));
      const hosts = new TestHosts(request, directory, list, mirror);
      await hosts.#install();
      await Promise.all(list.map((host) => host.powerOn()));
      await note(request.name, directory, list);
      return hosts;
    } catch (error) {
      await remove(request.name, directory, list);
      throw error;
    }
  }

  /** OpenSSH client configuration: every host by its name, with the key and the host keys of this set. */
  get sshConfig(): string {
    return join(this.directory, 'ssh_config');
  }

  get knownHosts(): string {
    return join(this.directory, 'known_hosts');
  }

  /** From now on the mirror has newer versions of these packages, their programs new files of the same content. */
  async publishNewer(names: readonly string[]): Promise<string> {
    const { repository } = await ensureBase();
    return publishNewer(repository, join(this.directory, 'newer'), names);
  }

  host(name: string): NspawnHost {
    const found = this.hosts.find((host) => host.name === name);
    if (found === undefined) throw new Error(`there is no host ${name}`);
    return found;
  }

  async #install(): Promise<void> {
    const key = join(this.directory, 'key');
    await expectCommand('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'operator', '-f', key]);
    const publicKey = await readFile(`${key}.pub`, 'utf8');
    const known: string[] = [];
    for (const host of this.hosts) {
      await host.install();
      const hostKey = join(host.root, 'etc/ssh/ssh_host_ed25519_key');
      // A disk that was kept has those of its former set.
      await rm(hostKey, { force: true });
      await rm(`${hostKey}.pub`, { force: true });
      await expectCommand('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', host.name, '-f', hostKey]);
      known.push(`${host.address} ${await readFile(`${hostKey}.pub`, 'utf8')}`);
      for (const home of ['root', 'home/admin', 'home/nobody-special']) {
        await mkdir(join(host.root, home, '.ssh'), { recursive: true, mode: 0o700 });
        await writeFile(join(host.root, home, '.ssh/authorized_keys'), publicKey, { mode: 0o600 });
      }
      for (const user of ['admin', 'nobody-special'])
        await expectCommand('chroot', [host.root, 'chown', '-R', `${user}:`, `/home/${user}/.ssh`]);
      await writeFile(join(host.root, 'etc/hostname'), `${host.name}\n`);
      await writeFile(join(host.root, 'etc/hosts'), `127.0.0.1 localhost\n${host.address} ${host.name}\n`);
      await writeFile(join(host.root, 'etc/apt/sources.list'), `deb [trusted=yes] ${this.mirror.url} ./\n`);
    }
    await writeFile(this.knownHosts, known.join(''));
    await writeFile(this.sshConfig, this.#config(key));
  }

  #config(key: string): string {
    const hosts = this.hosts.map(({ name, address }) => `Host ${name}\n  HostName ${address}\n`).join('');
    return `${hosts}Host *
  User root
  IdentityFile ${key}
  IdentitiesOnly yes
  UserKnownHostsFile ${this.knownHosts}
  GlobalKnownHostsFile /dev/null
`;
  }

  /** Switches the hosts off and keeps what is on their disks in `directory`, for hosts that start from there. */
  async keep(directory: string): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.keep(directory)));
  }

  async close(): Promise<void> {
    await this.mirror.close();
    await remove(this.request.name, this.directory, this.hosts);
  }
}

const identity = (pid: number) => `${pid} ${processOf(pid)?.startTicks ?? 'gone'}`;
const lives = (text: string) => identity(Number(text.split(' ')[0])) === text;

async function note(name: string, directory: string, hosts: readonly NspawnHost[]): Promise<void> {
  const record: Record = {
    name,
    directory,
    hosts: hosts.map((host) => host.name),
    maker: identity(process.pid),
    processes: hosts.flatMap((host) => host.pids().map(identity)),
  };
  await mkdir(records, { recursive: true });
  await writeFile(join(records, `${name}.json`), JSON.stringify(record));
}

async function remove(name: string, directory: string, hosts: readonly NspawnHost[]): Promise<void> {
  await Promise.all(hosts.map((host) => host.remove()));
  await removeBridge(name);
  await rm(directory, { recursive: true, force: true });
  await rm(join(records, `${name}.json`), { force: true });
}

/** Takes away the hosts of runs whose process is gone. */
async function removeLeftovers(): Promise<void> {
  if (!existsSync(records)) return;
  for (const file of readdirSync(records)) {
    const record = JSON.parse(readFileSync(join(records, file), 'utf8')) as Record;
    if (lives(record.maker)) continue;
    for (const text of record.processes.filter(lives).toReversed())
      signal(Number(text.split(' ')[0]), 'SIGKILL');
    for (const host of record.hosts) {
      await removeNamespace(record.name, host);
      await removeCgroups(`tandem-hosts-${record.name}-${host}`);
      await command('umount', ['-l', join(record.directory, host, 'root')]);
      await command('umount', ['-l', join(record.directory, host, 'disk')]);
    }
    await removeBridge(record.name);
    await rm(record.directory, { recursive: true, force: true });
    await rm(join(records, file), { force: true });
  }
}

export const startHosts = (request: HostsRequest): Promise<TestHosts> => TestHosts.start(request);
