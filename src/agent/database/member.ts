/** The local database member as everything that works on it needs it: where it is, who the others are, its process. */
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsFiles } from '#src/adapters/etcd/transport.ts';
import type { Log } from '#src/adapters/log.ts';
import { MariadbConnection } from '#src/adapters/mariadb/connection.ts';
import type { ServiceStatus } from '#src/plan/observed.ts';
import type { AgentDatabaseConfig } from '#src/topology/agent-config.ts';
import { memberServerId } from '#src/topology/server-id.ts';
import type { AgentContext, ServiceRunner } from '../context.ts';
import { agentAccount } from './accounts.ts';
import { type Recovery, writeRoleFile } from './files.ts';
import { type DataMarker, readMarker, writeMarker } from './marker.ts';
import { readPasswords } from './passwords.ts';

/** Name of the server's service. */
export const databaseService = 'mariadb';

const killTimeoutMs = 5_000;

export class DatabaseMember {
  readonly self: string;
  readonly stackId: string;
  readonly config: AgentDatabaseConfig;
  readonly tls: TlsFiles;
  readonly stateDirectory: string;
  readonly log: Log;
  /** For what is not the decision core's: looking, purging, clones. */
  readonly connection: MariadbConnection;
  /** Port of the other members' agents; the stack's own unless a test says otherwise. */
  readonly peerPort: number | undefined;
  readonly #runner: ServiceRunner;
  #marker: DataMarker | undefined;

  constructor(context: AgentContext, config: AgentDatabaseConfig, options: { peerPort?: number } = {}) {
    this.self = context.config.host;
    this.stackId = context.config.stackId;
    this.config = config;
    this.tls = context.tls;
    this.stateDirectory = context.config.dataDirectory;
    this.log = context.log.of('database');
    this.peerPort = options.peerPort;
    this.#runner = context.runner;
    this.connection = this.newConnection();
  }

  newConnection(): MariadbConnection {
    return new MariadbConnection({
      socketPath: this.config.socket,
      user: agentAccount,
      password: async () => (await readPasswords(this.config.passwordsFile)).agent,
    });
  }

  get serverId(): number {
    return memberServerId(this.addressOf(this.self));
  }

  /** Certificate authority, where the server can read it. */
  get caFile(): string {
    return join(dirname(this.config.optionFile), 'ca.pem');
  }

  addressOf(name: string): string {
    const found = this.config.members.find((each) => each.name === name);
    if (found === undefined) throw new Error(`${name} is no database member of this stack`);
    return found.address;
  }

  /** The member at an address; the address itself when it is none's. */
  nameOf(address: string): string {
    return this.config.members.find((each) => each.address === address)?.name ?? address;
  }

  async startServer(recovery: Recovery, serverId = this.serverId): Promise<void> {
    await writeRoleFile(this.config.roleFile, { serverId, recovery });
    try {
      await this.#runner.control(databaseService, 'start');
    } finally {
      // A start that somebody else makes must not cut anything off.
      if (recovery === 'SLAVE') await writeRoleFile(this.config.roleFile, { serverId, recovery: 'MASTER' });
    }
  }

  async stopServer(): Promise<void> {
    this.connection.close();
    if ((await this.service()).pid !== null) await this.#runner.control(databaseService, 'stop');
  }

  /** SIGKILL, and waits until the process is gone. Rejects when it isn't in time: it hangs in the kernel. */
  async killServer(): Promise<void> {
    const deadline = performance.now() + killTimeoutMs;
    if ((await this.service()).pid === null) return;
    await this.#runner.control(databaseService, 'kill').catch(() => undefined);
    while ((await this.service()).pid !== null) {
      if (performance.now() > deadline) throw new Error('the server does not die: it hangs in the kernel');
      await sleep(10);
    }
  }

  async service(): Promise<ServiceStatus> {
    const found = (await this.#runner.services()).find((service) => service.name === databaseService);
    if (found === undefined) throw new Error(`the host has no service ${databaseService}`);
    return found;
  }

  /** Whether the server answers the agent's account. A server that is starting gets a moment. */
  async answers(): Promise<boolean> {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        await this.connection.rows('SELECT 1');
        return true;
      } catch {
        await sleep(20);
      }
    }
    return false;
  }

  /** The marker beside the data, which is `ready`; read once. */
  async marker(): Promise<DataMarker> {
    if (this.#marker !== undefined) return this.#marker;
    const found = await readMarker(this.config.dataDirectory);
    if (found === undefined || found === 'damaged')
      throw new Error('the member file beside the data is gone');
    this.#marker = found;
    return found;
  }

  async setMarker(marker: DataMarker): Promise<void> {
    await writeMarker(this.config.dataDirectory, marker);
    this.#marker = marker;
  }

  /**
   * Whether the recovery cut transactions off and none was applied since. The note outlives the agent: such a member
   * must not lead.
   */
  async truncatedAt(applied: string): Promise<boolean> {
    const { truncatedAt, ...rest } = await this.marker();
    if (truncatedAt === undefined) return false;
    if (truncatedAt === '' || truncatedAt === applied) return true;
    await this.setMarker(rest);
    return false;
  }
}
