/** One whole Debian host: systemd and sshd in a container with a network namespace and a root directory of its own. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type CommandOutput, command, expectCommand } from '../command.ts';
import { processOf, signal } from '../processes.ts';
import { addressInNetwork } from '../subnet.ts';
import { waitFor } from '../wait.ts';
import { createCgroups, enterCgroups, removeCgroups } from './cgroups.ts';
import { createNamespace, namespaceName, removeNamespace } from './network.ts';

export interface HostPlace {
  /** Of the set of hosts. */
  readonly set: string;
  readonly subnet: string;
  /** Holds each host's files. */
  readonly directory: string;
  /** What is below the hosts' own files: bare Debian, and what a host of its name had on it when it was kept. */
  readonly base: string;
  readonly kept?: string | undefined;
  /** Size of each host's disk, beyond the bare Debian; as large as this machine's without. */
  readonly diskMiB?: number | undefined;
}

const bootTimeoutMs = 120_000;

export class NspawnHost {
  readonly name: string;
  readonly address: string;
  /** Where this machine sees the host's root. */
  readonly root: string;
  readonly #place: HostPlace;
  readonly #index: number;
  #pid: number | undefined;

  constructor(place: HostPlace, name: string, index: number) {
    this.name = name;
    this.address = addressInNetwork(place.subnet, 11 + index);
    this.#place = place;
    this.#index = index;
    this.root = join(this.#files, 'root');
  }

  get #cgroup(): string {
    return `tandem-hosts-${this.#place.set}-${this.name}`;
  }

  get #files(): string {
    return join(this.#place.directory, this.name);
  }

  /** Its disk: a layer of its own over the bare Debian. */
  async install(): Promise<void> {
    const disk = join(this.#files, 'disk');
    await mkdir(disk, { recursive: true });
    if (this.#place.diskMiB !== undefined) await this.#mountDisk(disk, this.#place.diskMiB);
    const upper = join(disk, 'upper');
    const work = join(disk, 'work');
    for (const path of [upper, work, this.root]) await mkdir(path, { recursive: true });
    const { base, kept } = this.#place;
    const below = kept === undefined ? base : `${join(kept, this.name)}:${base}`;
    const layers = `lowerdir=${below},upperdir=${upper},workdir=${work}`;
    await expectCommand('mount', ['-t', 'overlay', 'overlay', '-o', layers, this.root]);
  }

  async #mountDisk(directory: string, sizeMiB: number): Promise<void> {
    const image = `${directory}.img`;
    await expectCommand('truncate', ['-s', `${sizeMiB}M`, image]);
    await expectCommand('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
    await expectCommand('mount', ['-o', 'loop', image, directory]);
  }

  /** Switches the machine on; resolves when sshd answers. */
  async powerOn(): Promise<void> {
    await createNamespace(this.#place.set, this.name, this.#index, this.#place.subnet);
    const log = openSync(join(this.#files, 'console.log'), 'a');
    const groups = await createCgroups(this.#cgroup);
    const child = spawn(
      'sh',
      [
        ...['-c', enterCgroups, 'sh', groups.join(' '), 'systemd-nspawn'],
        ...['-q', '-D', this.root, '--register=no', '--keep-unit', `--hostname=${this.name}`],
        ...[`--machine=${this.#place.set}-${this.name}`, '--console=pipe'],
        `--network-namespace-path=/run/netns/${namespaceName(this.#place.set, this.name)}`,
        ...['--capability=CAP_NET_ADMIN,CAP_NET_RAW', '--resolv-conf=off', '--timezone=off', '-b'],
      ],
      { detached: true, stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#pid = child.pid;
    child.unref();
    await waitFor(`${this.name} to boot`, () => answers(this.address, 22), bootTimeoutMs, 100);
  }

  /** Process ids: of the container's manager on this machine, and of the host's own init. */
  pids(): readonly number[] {
    if (this.#pid === undefined) return [];
    return [this.#pid, ...childrenOf(this.#pid)];
  }

  /** A program of this machine in the host's network: a bare host has few. */
  inNetwork(...words: string[]): Promise<CommandOutput> {
    return command('ip', ['netns', 'exec', namespaceName(this.#place.set, this.name), ...words]);
  }

  /** Where this machine sees a path of the host's, /run included, while it is on. */
  inside(path: string): string {
    return `/proc/${this.pids()[1]}/root${path}`;
  }

  /** Pulls the plug: every process is killed at once, nothing is flushed or stopped. */
  async powerOff(): Promise<void> {
    const pids = this.pids();
    for (const pid of pids.toReversed()) signal(pid, 'SIGKILL');
    await waitFor(
      `${this.name} to be off`,
      () => pids.every((pid) => processOf(pid) === undefined),
      bootTimeoutMs,
    );
    this.#pid = undefined;
    await removeCgroups(this.#cgroup);
    await removeNamespace(this.#place.set, this.name);
  }

  /** A command on the host's own system, seen from its console: no network is needed. */
  async console(...words: string[]): Promise<CommandOutput> {
    const init = this.pids()[1];
    if (init === undefined) throw new Error(`${this.name} is off`);
    const enter = [
      '--target',
      String(init),
      '--mount',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '--root',
      '--wdns=/',
    ];
    return command('nsenter', [...enter, '--', ...words]);
  }

  /** Pulls the plug and moves what is on the disk into `directory`, from which others of its name can start; ends the host. */
  async keep(directory: string): Promise<void> {
    await this.powerOff();
    await expectCommand('umount', [this.root]);
    await rename(join(this.#files, 'disk/upper'), join(directory, this.name));
  }

  async remove(): Promise<void> {
    await this.powerOff();
    await command('umount', ['-l', this.root]);
    await command('umount', ['-l', join(this.#files, 'disk')]);
    await rm(this.#files, { recursive: true, force: true });
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.trim().split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    // sshd says who it is at once; a socket that only accepts is not it.
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
    socket.setTimeout(2_000, () => end(false));
  });
}
