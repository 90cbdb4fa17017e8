/** One lab: the hosts of a stack on this machine, on one bridge. */
import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { readdir, readFile, realpath, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Spec } from '#src/spec/spec.ts';
import { codeDirectory } from '#src/topology/paths.ts';
import type { CommandResult } from '../host-driver.ts';
import type { SharedDirectories } from './enter.ts';
import { LabHost, type LabHostSpec, markWarm } from './host.ts';
import { enableForwarding, ensureBridge, type LabNetwork, removeHostNetwork } from './network.ts';
import {
  checkSubnetIsFree,
  claim,
  type LabRecord,
  livingLabs,
  readRecord,
  removeRecord,
  writeRecord,
} from './registry.ts';
import { stopHost } from './teardown.ts';

export interface LabDescription {
  readonly stack: string;
  /** Absolute path; holds data, secrets and logs of every host. */
  readonly stateDirectory: string;
  readonly network: Omit<LabNetwork, 'stack'>;
  readonly hosts: readonly LabHostSpec[];
}

/** Of a member of the quorum that was taken out: no data of the user's, and of no use any more. */
const quorumFiles = ['etcd', 'etcd-bootstrap.yaml'];

/** Root of Tandem's own repository. */
const repository = resolve(import.meta.dirname, '../../..');

/** The lab hosts (those without `ssh`) of a stack. */
export function describeLab(spec: Spec, stateDirectory: string): LabDescription {
  const { subnet, gateway, egress } = spec.network;
  return {
    stack: spec.stack,
    stateDirectory: resolve(stateDirectory),
    network: { subnet, gateway, egress },
    hosts: spec.hosts
      .filter((host) => host.ssh === undefined)
      .map(({ name, address }) => ({ name, address })),
  };
}

export class Lab {
  readonly stack: string;
  readonly stateDirectory: string;
  readonly network: LabNetwork;
  readonly shared: SharedDirectories;
  readonly hosts: readonly LabHost[];
  readonly #specs: readonly LabHostSpec[];
  #ready: Promise<LabRecord> | undefined;
  #warm: Promise<void> | undefined;

  constructor(description: LabDescription) {
    const { stack, stateDirectory, network, hosts } = description;
    this.stack = stack;
    this.stateDirectory = stateDirectory;
    this.network = { stack, ...network };
    this.#specs = hosts;
    this.shared = {
      code: repository,
      cache: compileCache(stateDirectory),
    };
    this.hosts = hosts.map((host) => new LabHost(this, host));
  }

  /** The host goes: its processes, its network, its rendered files. Data and logs stay. */
  async leave(name: string): Promise<void> {
    await this.removeHost(name);
    const { config, run, data } = this.host(name).directories;
    for (const path of [config, run, ...quorumFiles.map((file) => join(data, file))])
      await rm(path, { recursive: true, force: true });
    const record = await readRecord(this.stack);
    if (record === undefined) return;
    await writeRecord({ ...record, hosts: record.hosts.filter((host) => host !== name) });
  }

  host(name: string): LabHost {
    const found = this.hosts.find((host) => host.host === name);
    if (found === undefined) throw new Error(`the lab ${this.stack} has no host '${name}'`);
    return found;
  }

  /** Text of every host's /etc/hosts. */
  hostsFile(): string {
    const lines = this.#specs.map(({ name, address }) => `${address} ${name}`);
    return ['127.0.0.1 localhost', '::1 localhost ip6-localhost', ...lines, ''].join('\n');
  }

  /** Claims name and subnet and makes the bridge; once per process, and again after a failure. */
  async ensureNetwork(): Promise<void> {
    this.#ready ??= this.#makeNetwork().catch((error) => {
      this.#ready = undefined;
      throw error;
    });
    await this.#ready;
  }

  async #makeNetwork(): Promise<LabRecord> {
    const { stack, network, stateDirectory } = this;
    const hosts = this.#specs.map(({ name }) => name);
    const { subnet, egress } = network;
    const record = await claim({ stack, stateDirectory, subnet, hosts, egress }, Date.now());
    try {
      await checkSubnetIsFree(stack, subnet);
    } catch (error) {
      if (!(await livingLabs()).some((lab) => lab.stack === stack)) await removeRecord(stack);
      throw error;
    }
    await ensureBridge(network);
    if (egress === 'deny' || !(await enableForwarding())) return record;
    const switched = { ...record, enabledForwarding: true };
    await writeRecord(switched);
    return switched;
  }

  /** Takes a host out of the lab: its processes, its namespace, its cable. Its directory stays. */
  async removeHost(name: string): Promise<void> {
    await stopHost(this.stack, name, this.stateDirectory);
    await removeHostNetwork(this.stack, name);
  }

  /** Path inside a host of a file of Tandem's own repository; other paths are the same inside. */
  insidePath(path: string): string {
    return path.startsWith(`${repository}/`) ? join(codeDirectory, path.slice(repository.length)) : path;
  }

  /** Runs `fill` unless the compile cache holds this version of the supervisor already; hosts share one run. */
  warm(fill: () => Promise<CommandResult>): Promise<void> {
    this.#warm ??= this.#fillCache(fill);
    return this.#warm;
  }

  async #fillCache(fill: () => Promise<CommandResult>): Promise<void> {
    const version = await supervisorVersion();
    const known = await readFile(join(this.shared.cache, 'supervisor-version'), 'utf8').catch(() => '');
    if (known === version) return;
    // Without the cache a supervisor starts all the same, at the price of memory.
    if ((await fill()).code === 0) await markWarm(this.shared.cache, version);
  }
}

/** Beside the packages, so that every lab of this clone finds it filled; where that can't be written, with the lab. */
function compileCache(stateDirectory: string): string {
  const modules = join(repository, 'node_modules');
  try {
    accessSync(modules, constants.W_OK);
    return join(modules, '.cache/tandem');
  } catch {
    return join(stateDirectory, 'cache');
  }
}

async function supervisorVersion(): Promise<string> {
  const directory = join(repository, 'src/provision/lab/supervisor');
  const names = (await readdir(directory)).sort().map((name) => join(directory, name));
  const hash = createHash('sha256').update(await realpath(process.execPath));
  for (const path of [...names, join(repository, 'src/bin/supervisor.ts')]) hash.update(await readFile(path));
  return hash.digest('hex');
}
