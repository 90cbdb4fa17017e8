/** Servers over SSH as the place where a stack's hosts come from. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AgentEndpoint } from '#src/adapters/agent-client.ts';
import type { HostSpec, Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { ports } from '#src/topology/ports.ts';
import type { DownOptions, Infrastructure, LogSelection, ReleaseHashes } from '../infrastructure.ts';
import { materialPaths } from '../material/paths.ts';
import { controlDirectory, SshClient } from './client.ts';
import { SshHost } from './host.ts';
import { showServerLogs } from './logs.ts';
import { preflightServers } from './preflight.ts';
import { describeRelease, type Layer, packLayer, type Release } from './release.ts';

const downScript = readFileSync(join(import.meta.dirname, 'down.sh'), 'utf8');
const downTimeoutMs = 600_000;

export class SshInfrastructure implements Infrastructure {
  readonly #spec: Spec;
  readonly #stateDirectory: string;
  readonly #stackDirectory: string;
  readonly #hosts: ReadonlyMap<string, SshHost>;
  readonly #packed = new Map<string, Promise<string>>();
  #release: Promise<Release> | undefined;
  #shippedBytes = 0;

  constructor(location: {
    readonly spec: Spec;
    readonly stateDirectory: string;
    readonly directory: string;
  }) {
    const { spec, stateDirectory, directory } = location;
    this.#spec = spec;
    this.#stateDirectory = stateDirectory;
    this.#stackDirectory = directory;
    this.#hosts = new Map(spec.hosts.map((host) => [host.name, this.#newHost(host)]));
  }

  #newHost(host: HostSpec): SshHost {
    const { configFile } = this.#spec.ssh;
    const client = new SshClient({
      host: host.name,
      destination: host.ssh ?? host.name,
      configFile: configFile === undefined ? undefined : resolve(this.#stackDirectory, configFile),
      directory: controlDirectory(this.#stateDirectory),
    });
    return new SshHost(client, {
      release: () => this.#describe(),
      packed: (layer) => this.#pack(layer),
      marker: async () => {
        const text = await readFile(materialPaths(this.#stateDirectory).secrets, 'utf8');
        const { stackId } = JSON.parse(text) as { stackId: string };
        return `${JSON.stringify({ stack: this.#spec.stack, stackId, host: host.name })}\n`;
      },
      shipped: (bytes) => {
        this.#shippedBytes += bytes;
      },
    });
  }

  get #archives(): string {
    return join(this.#stateDirectory, 'releases');
  }

  #describe(): Promise<Release> {
    this.#release ??= describeRelease();
    return this.#release;
  }

  #pack(layer: Layer): Promise<string> {
    const known = this.#packed.get(layer.name);
    if (known !== undefined) return known;
    const packing = packLayer(layer, this.#archives);
    this.#packed.set(layer.name, packing);
    return packing;
  }

  driver(host: string): SshHost {
    const found = this.#hosts.get(host);
    if (found === undefined) throw new Error(`the stack has no host '${host}'`);
    return found;
  }

  preflight(): Promise<void> {
    return preflightServers(this.#spec, this.#stateDirectory, (host) => this.driver(host).client);
  }

  async releases(): Promise<ReleaseHashes> {
    return (await this.#describe()).hashes;
  }

  /** Packages of servers are part of their preparation (`SshHost.prepare`). */
  async installPackages(): Promise<void> {}

  async prepare(): Promise<void> {}

  async finish(reporter: Reporter): Promise<void> {
    if (this.#shippedBytes === 0) return;
    const servers = this.#hosts.size;
    reporter.note('', `shipped ${(this.#shippedBytes / 1e6).toFixed(1)} MB to ${servers} servers`);
    await this.#removeOldArchives();
  }

  async #removeOldArchives(): Promise<void> {
    const kept = new Set((await this.#describe()).layers.map(({ name }) => `${name}.tar.gz`));
    for (const name of await readdir(this.#archives).catch(() => []))
      if (!kept.has(name)) await rm(join(this.#archives, name), { force: true });
  }

  async leave(host: string): Promise<void> {
    const { client } = this.driver(host);
    await client.expect('take Tandem off', ['sh', '-c', downScript, 'sh', 'leave'], {
      timeoutMs: downTimeoutMs,
    });
    await client.close();
  }

  async agent(host: string): Promise<AgentEndpoint> {
    const { address = '' } = this.#spec.hosts.find(({ name }) => name === host) ?? {};
    return { address, socketPath: await this.driver(host).client.forward(address, ports.agent) };
  }

  /** Through the first server that can be reached: this machine may not be in the site's network. */
  async site(): Promise<string> {
    const { addresses, httpsPort } = this.#spec.site;
    let last: unknown;
    for (const host of this.#hosts.values()) {
      try {
        return await host.client.forward(addresses[0], httpsPort);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async attach(host: string, command: readonly string[]): Promise<number> {
    const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    const [program, ...words] = await this.driver(host).client.attached(command, terminal);
    const child = spawn(program, words, { stdio: 'inherit' });
    // The terminal sends its interrupts to the whole process group; the program on the server decides.
    for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, () => undefined);
    return new Promise((done, reject) => {
      child.on('error', reject);
      child.on('close', (code) => done(code ?? 255));
    });
  }

  showLogs(hosts: readonly string[], selection: LogSelection): Promise<void> {
    return showServerLogs(
      hosts.map((name) => this.driver(name)),
      selection,
    );
  }

  async down(reporter: Reporter, { purge }: DownOptions): Promise<void> {
    await this.#checkOwner();
    const mode = purge ? 'purge' : 'keep';
    const title = purge
      ? 'remove everything that Tandem put there'
      : 'end services, remove files; data stays';
    const work = [...this.#hosts.values()].map((host) =>
      reporter.step(host.host, title, () =>
        host.client.expect('take Tandem off', ['sh', '-c', downScript, 'sh', mode], {
          timeoutMs: downTimeoutMs,
        }),
      ),
    );
    const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
    await this.close();
    if (failed !== undefined) throw failed.reason;
  }

  /** Ends the shared connections to the servers. */
  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map(({ client }) => client.close()));
  }

  /** A server of another stack is not ours to take down. */
  async #checkOwner(): Promise<void> {
    const own = await readFile(materialPaths(this.#stateDirectory).secrets, 'utf8').catch(() => '{}');
    const { stackId } = JSON.parse(own) as { stackId?: string };
    const markers = await Promise.all(
      [...this.#hosts.values()].map(async (host) => ({ host: host.host, text: await host.readMarker() })),
    );
    const others = markers.filter(
      ({ text }) => text !== '' && !(stackId !== undefined && text.includes(stackId)),
    );
    if (others.length === 0) return;
    throw new TandemError('not-ours', 'These servers belong to another stack. Nothing was changed.', {
      kind: 'input',
      issues: others.map(({ host, text }) => ({ path: host, message: text.trim() })),
      hint: 'Use the state directory that the stack was brought up with.',
    });
  }

  async purge(): Promise<void> {
    // With a long path the control sockets lie elsewhere.
    for (const directory of [controlDirectory(this.#stateDirectory), this.#stateDirectory])
      await rm(directory, { recursive: true, force: true });
  }
}
