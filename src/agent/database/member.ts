/** The local database member as the steps of its concern need it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsFiles } from '#src/adapters/etcd/transport.ts';
import { MariadbConnection } from '#src/adapters/mariadb/connection.ts';
import type { AgentDatabaseConfig } from '#src/topology/agent-config.ts';
import type { AgentContext, ServiceRunner } from '../context.ts';
import type { Log } from '../log.ts';
import { agentAccount } from './accounts.ts';
import { writeRoleFile } from './files.ts';
import { readPasswords } from './passwords.ts';

/** Name of the server's service. */
export const databaseService = 'mariadb';

/** Every epoch has server ids of its own, because a member skips events that carry its own id. */
const idsPerEpoch = 1_000;

export class DatabaseMember {
  readonly self: string;
  readonly stackId: string;
  readonly config: AgentDatabaseConfig;
  readonly tls: TlsFiles;
  readonly stateDirectory: string;
  readonly log: Log;
  readonly connection: MariadbConnection;
  /** Port of the other members' agents; the stack's own unless a test says otherwise. */
  readonly peerPort: number | undefined;
  readonly #runner: ServiceRunner;

  constructor(context: AgentContext, config: AgentDatabaseConfig, options: { peerPort?: number } = {}) {
    this.self = context.config.host;
    this.stackId = context.config.stackId;
    this.config = config;
    this.tls = context.tls;
    this.stateDirectory = context.config.dataDirectory;
    this.log = context.log.of('database');
    this.peerPort = options.peerPort;
    this.#runner = context.runner;
    this.connection = new MariadbConnection({
      socketPath: config.socket,
      user: agentAccount,
      password: async () => (await readPasswords(config.passwordsFile)).agent,
    });
  }

  /** Unique among members and epochs. */
  serverId(epoch: number): number {
    return epoch * idsPerEpoch + this.config.members.findIndex((member) => member.name === this.self) + 1;
  }

  async startServer(): Promise<void> {
    await writeRoleFile(this.config.roleFile, this.serverId(1));
    await this.#runner.control(databaseService, 'start');
  }

  async stopServer(): Promise<void> {
    this.connection.close();
    const found = (await this.#runner.services()).find((service) => service.name === databaseService);
    if (found === undefined) throw new Error(`the host has no service ${databaseService}`);
    if (found.state !== 'stopped') await this.#runner.control(databaseService, 'stop');
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
}
